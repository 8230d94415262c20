"""Monitors the service and its model: dashboards, drift and live errors."""
