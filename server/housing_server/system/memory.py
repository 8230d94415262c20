"""Memory of a process: returning it to the operating system, and finding garbage in it."""

import ctypes
import gc

RARE, VERY_RARE = 10_000, 50_000
"""New objects that may be garbage, before a collection. The larger is more than a transaction of the recorder makes.
The smaller is for processes that answer calls: gRPC's library leaves some 16 objects of each call to the collector, and
a collection of 50,000 stopped all calls for 20 ms and more."""
_COLLECTIONS = 10
"""Collections of a generation for each of the next one, as by default."""


def release_freed_memory() -> None:
    """Return freed memory of this process to the operating system, where the C library supports it.

    glibc keeps freed memory for later use: 34 MB after a graph of 14 MB is loaded.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


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
