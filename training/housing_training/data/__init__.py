"""The table of block groups: where it comes from, what it must look like, and how it is split."""
