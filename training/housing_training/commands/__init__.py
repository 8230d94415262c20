"""`housing train` and `housing train --tune`."""
