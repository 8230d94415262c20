"""The window on the prediction log: what is in it, and how little is read for it."""

from housing_monitoring.window import Window
from unit.monitoring.watched import NOW, FakeService, predictions


async def test_holds_the_newest_rows() -> None:
    """Of a long log the newest are held, newest first, and no more are read than that."""
    service, window = FakeService(log=predictions(300)), Window(rows=100, seconds=3600)
    await window.refresh(service.newest_first, NOW)
    assert list(window) == service.log[:100]
    assert service.read == 100


async def test_lets_go_of_what_is_too_old() -> None:
    """Time alone empties a window: what a service without traffic answered long ago says nothing of today."""
    service, window = FakeService(log=predictions(300)), Window(rows=1000, seconds=60)
    await window.refresh(service.newest_first, NOW)
    assert len(window) == 61
    await window.refresh(service.newest_first, NOW + 50)
    assert list(window) == service.log[:11]
    await window.refresh(service.newest_first, NOW + 100)
    assert len(window) == 0


async def test_reads_only_what_is_new() -> None:
    """A second look reads the new rows, and those of a few seconds before, among which some may have come late."""
    old = predictions(200)
    service, window = FakeService(log=old), Window(rows=1000, seconds=3600)
    await window.refresh(service.newest_first, NOW)
    service.log, service.read = [*predictions(30, until=NOW + 30), *old], 0
    await window.refresh(service.newest_first, NOW + 30)
    assert len(window) == 230
    assert service.read == 41


async def test_takes_in_what_comes_late() -> None:
    """A row that reaches the log after a newer one is in the window, in its place, and only once."""
    late, *_ = early = predictions(5)
    service, window = FakeService(log=early[1:]), Window(rows=1000, seconds=3600)
    await window.refresh(service.newest_first, NOW)
    newer = predictions(1, until=NOW + 5)
    service.log = [*newer, *early[1:]]
    await window.refresh(service.newest_first, NOW + 5)
    service.log = [*newer, late, *early[1:]]
    await window.refresh(service.newest_first, NOW + 5)
    assert list(window) == [*newer, *early]
