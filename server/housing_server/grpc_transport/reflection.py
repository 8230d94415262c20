"""Server reflection, `grpc.reflection.v1` and `v1alpha`: tools such as grpcurl find the contract by asking.

The two versions have the same messages under different names. gRPC's Python package brings v1alpha alone; v1 is the
same descriptor renamed. The pool of protobuf's Python package finds the file of a service by its name but not by the
name of a method in it, which is what `grpcurl describe SERVICE.METHOD` and `ghz --call SERVICE/METHOD` ask for.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

from housing_server.core.endpoints import Endpoint, StreamEndpoint, describe

_ALPHA: Any = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


def reflection_endpoints(services: Iterable[str]) -> tuple[Endpoint, ...]:
    """List the endpoints of server reflection.

    Args:
        services: full names of the services that it lists beside its own.
    """
    versions = (_stable(), _ALPHA)
    pool: Any = ReflectionPool()
    servicer: Any = reflection.aio.ReflectionServicer([*services, *(version.full_name for version in versions)], pool)
    return tuple(
        StreamEndpoint(
            method=describe(version.methods_by_name["ServerReflectionInfo"]),
            request=reflection_pb2.ServerReflectionRequest,
            response=reflection_pb2.ServerReflectionResponse,
            parse=reflection_pb2.ServerReflectionRequest.FromString,
            handler=servicer.ServerReflectionInfo,
        )
        for version in versions
    )


@cache
def _stable() -> ServiceDescriptor:
    """Add v1 to the pool, and return its descriptor."""
    alpha = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    renamed = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    stable = text_format.Parse(renamed, FileDescriptorProto())
    return Default().AddSerializedFile(stable.SerializeToString()).services_by_name["ServerReflection"]


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
            KeyError: nothing has that name.
        """
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file
