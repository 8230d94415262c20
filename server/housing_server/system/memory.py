"""Returning memory to the operating system."""

import ctypes


def release_freed_memory() -> None:
    """Return freed memory of this process to the operating system, where the C library supports it.

    glibc keeps freed memory for later use: 34 MB after a graph of 14 MB is loaded.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
