"""The supervisor: starts, watches, swaps and drains processes, and serves the side port."""
