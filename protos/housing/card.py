"""The card that is kept with a model: text in Markdown about what it was made from, how good it is, and its limits."""

FILE = "extra_files/card.md"
"""Where it is in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""
PICTURES = "card"
"""Name of the folder beside it that holds its pictures."""
