"""Renders Envoy's configuration, and runs and drains Envoy."""
