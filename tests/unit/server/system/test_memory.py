"""Memory of a process."""

import gc

from housing_server.system.memory import VERY_RARE, collect_garbage_rarely


def test_batches_are_not_searched_for_garbage_again_and_again() -> None:
    """Thousands of new rows cause no collection, and what was there before is never looked through again."""
    thresholds = gc.get_threshold()
    try:
        collect_garbage_rarely(VERY_RARE)
        before = gc.get_stats()[0]["collections"]
        rows = [(number,) for number in range(10_000)]
        assert gc.get_stats()[0]["collections"] == before
        assert len(rows) == 10_000
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
