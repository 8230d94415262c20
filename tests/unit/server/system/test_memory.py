"""Memory of a process."""

import gc

import pytest

from housing_server.system.memory import VERY_RARE, collect_garbage_rarely, keep_releasing_memory


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


async def test_freed_memory_is_returned_again_and_again() -> None:
    """What a burst of calls took does not stay with a worker until its end."""
    left = iter(range(3))

    def release() -> None:
        if next(left, None) is None:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await keep_releasing_memory(0, release)
    assert not list(left)
