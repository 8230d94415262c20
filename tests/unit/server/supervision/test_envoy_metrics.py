"""The metrics of several Envoys on one page."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from housing_server.supervision.envoy_metrics import EnvoyMetrics

PAGES = {
    "worker-0.sock": '# TYPE envoy_a counter\nenvoy_a{code="2"} 5\n\n# TYPE envoy_b gauge\nenvoy_b{} 1\n',
    "worker-1.sock": '# TYPE envoy_a counter\nenvoy_a{code="2"} 7\nenvoy_a 8\n',
}


def test_each_sample_bears_its_worker() -> None:
    """Counters of one name are kept apart, in one family; an Envoy that does not answer is left out."""
    page = EnvoyMetrics(Path(), ["worker-0", "worker-1", "worker-2"], lambda socket, _: PAGES.get(socket.name)).page()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    samples = {(each.labels["process"], each.labels.get("code")): each.value for each in families["envoy_a"].samples}
    assert samples == {("worker-0", "2"): 5, ("worker-1", "2"): 7, ("worker-1", None): 8}
    assert [each.labels for each in families["envoy_b"].samples] == [{"process": "worker-0"}]
