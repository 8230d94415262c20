"""What models read, computed from the fields of a block group, and the domain of the training data."""
