"""The model card: Markdown about a model's data, quality and limits, registered with it."""

FILE = "extra_files/card.md"
"""Its path in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""
PICTURES = "card"
"""Name of the folder beside it with its pictures."""
