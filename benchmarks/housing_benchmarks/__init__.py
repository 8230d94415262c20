"""Load benchmarks of the service, beside the transport's limit and what people would use instead.

The service is known here by its commands, its settings and its contract only: nothing of it is imported but `housing`.
"""
