"""`housing serve` and `housing gateway`: read the settings, wire the parts, and turn a StartError into exit code 1."""
