"""The Grafana dashboards of the service, generated as JSON for Grafana's provisioning.

`python -m housing_monitoring.dashboards monitoring/grafana/dashboards` writes them.
"""

from housing_monitoring.dashboards import model, prediction_log, predictions, resources, retraining
from housing_monitoring.dashboards.board import Board

BOARDS: tuple[Board, ...] = (
    predictions.BOARD,
    model.BOARD,
    retraining.BOARD,
    prediction_log.BOARD,
    resources.BOARD,
)
"""All dashboards; the first is Grafana's home page."""
