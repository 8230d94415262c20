"""The supervisor: starts, monitors, updates and drains processes, and serves the side port."""
