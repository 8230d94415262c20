"""What reflection answers from: the contract's descriptors, found by the names of methods too.

The pool of protobuf's Python package finds the file of a service by its name but not by the name of a method in it,
which is what `grpcurl describe SERVICE.METHOD` and `ghz --call SERVICE/METHOD` ask for.
"""

from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import Default, DescriptorPool


class ReflectionPool:
    """A descriptor pool, which cannot be derived from, that finds methods."""

    def __init__(self, pool: DescriptorPool | None = None) -> None:
        """Answer from a pool: by default from the one that all generated code is in."""
        self._pool = pool or Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802  # pylint: disable=invalid-name
        """Find the file that defines a message, field, enum, extension, service or method.

        Raises:
            KeyError: there is none.
        """
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file
