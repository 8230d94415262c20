"""Server reflection, `grpc.reflection.v1` and `v1alpha`, for tools such as grpcurl.

The two versions have the same messages under different names. gRPC's Python package contains only v1alpha; v1 is the
same descriptor renamed. protobuf's descriptor pool finds the file of a service by the service's name but not by that of
a method, which `grpcurl describe SERVICE.METHOD` and `ghz --call SERVICE/METHOD` need.
"""

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2

from housing_server.core.endpoints import Endpoint, StreamEndpoint, describe

_ALPHA: Any = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


def reflection_endpoints(services: Iterable[str]) -> tuple[Endpoint, ...]:
    """List the endpoints of server reflection.

    Args:
        services: full names of the services to list besides reflection itself.
    """
    versions = (_stable(), _ALPHA)
    servicer = cache(partial(_servicer, [*services, *(version.full_name for version in versions)]))
    return tuple(
        StreamEndpoint(
            method=describe(version.methods_by_name["ServerReflectionInfo"]),
            request=reflection_pb2.ServerReflectionRequest,
            response=reflection_pb2.ServerReflectionResponse,
            parse=reflection_pb2.ServerReflectionRequest.FromString,
            handler=lambda requests, caller: servicer().ServerReflectionInfo(requests, caller),
        )
        for version in versions
    )


def _servicer(services: Iterable[str]) -> Any:
    # Imported at the first call: it loads gRPC's library, 9 MB that a worker inside Envoy does without.
    from grpc_reflection.v1alpha import reflection  # noqa: PLC0415

    pool: Any = ReflectionPool()
    return reflection.aio.ReflectionServicer(services, pool)


@cache
def _stable() -> ServiceDescriptor:
    """Add v1 to the descriptor pool, and return its service descriptor."""
    alpha = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    renamed = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    stable = text_format.Parse(renamed, FileDescriptorProto())
    return Default().AddSerializedFile(stable.SerializeToString()).services_by_name["ServerReflection"]


class ReflectionPool:
    """Wraps a descriptor pool, which cannot be subclassed, to find methods as well."""

    def __init__(self, pool: DescriptorPool | None = None) -> None:
        """Wrap a pool: by default the one that contains all generated code."""
        self._pool = pool or Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the base class's name
        """Return the file that defines a message, field, enum, extension, service or method.

        Raises:
            KeyError: nothing has that name.
        """
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file
