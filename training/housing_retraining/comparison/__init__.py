"""A candidate compared with the champion on the same held-out rows, and the gates."""
