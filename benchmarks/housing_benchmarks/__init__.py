"""Load benchmarks of the service, compared with the transport's limit and with alternatives.

The service is used through its commands, settings and contract only: of its packages only `housing` is imported.
"""
