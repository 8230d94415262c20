"""Validation, admission, shared runs of the model and answers: messages in, messages out; one core per event loop."""
