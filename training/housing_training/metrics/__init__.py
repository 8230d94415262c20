"""How good prices and intervals are, in figures; nothing here knows a model."""
