"""Memory of a process: returning it to the operating system, and finding garbage in it."""

import asyncio
import ctypes
import gc
from collections.abc import Callable

RARE, VERY_RARE = 10_000, 50_000
"""New objects that may be garbage, before a collection. The larger is more than a transaction of the recorder makes.
The smaller is for processes that answer calls: gRPC's library leaves some 16 objects of each call to the collector, and
a collection of 50,000 stopped all calls for 20 ms and more."""
_COLLECTIONS = 10
"""Collections of a generation for each of the next one, as by default."""
_RELEASE_SECONDS = 30.0
"""Rare enough to cost nothing: it takes milliseconds, and as long again until returned memory is in use again."""


def release_freed_memory() -> None:
    """Return freed memory of this process to the operating system, where the C library supports it.

    glibc keeps freed memory for later use: 34 MB after a graph of 14 MB is loaded, 30 MB after thousands of calls at
    once.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def keep_releasing_memory(
    seconds: float = _RELEASE_SECONDS, release: Callable[[], None] = release_freed_memory
) -> None:
    """Return freed memory now and then, on a thread: what a burst of calls took is not kept for the next one."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(release)


def collect_garbage_rarely(new_objects: int) -> None:
    """Look for cyclic garbage less often, and never among what was imported: called once, when a process has started.

    Python looks through new objects whenever there are 700 more than before. A batch makes thousands of tuples that
    are no garbage: looking through them took a quarter of the recorder's time. A full collection visits everything
    imported, some 100,000 objects in a worker: tens of milliseconds in which no call proceeds.

    Args:
        new_objects: how many there are before a collection, `RARE` or `VERY_RARE`.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(new_objects, _COLLECTIONS, _COLLECTIONS)
