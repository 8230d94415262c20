"""Validates, admits, shares runs of the model and answers: messages in, messages out; one core for each event loop."""
