"""Fills in Envoy's configuration, and runs and drains Envoy."""
