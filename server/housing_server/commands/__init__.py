"""`housing serve` and `housing gateway`: read settings, wire, and turn a StartError into exit code 1."""
