"""Watches the service and its model: dashboards now, drift and outcomes later."""
