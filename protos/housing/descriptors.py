"""The contract's files as one descriptor set."""

from collections.abc import Iterable

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import Default
from google.rpc import error_details_pb2, status_pb2

from housing.services import SERVICES


def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Return the files of the services with all their imports, imports first, for a transcoding gateway.

    The standard error details are included, since a gateway can only render details of known types.
    """
    services = (Default().FindServiceByName(name).file for name in SERVICES)
    collected: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    _collect((*services, status_pb2.DESCRIPTOR, error_details_pb2.DESCRIPTOR), collected)
    return descriptor_pb2.FileDescriptorSet(file=collected.values())


def _collect(descriptors: Iterable[FileDescriptor], collected: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    for descriptor in descriptors:
        if descriptor.name not in collected:
            _collect(descriptor.dependencies, collected)
            collected[descriptor.name] = descriptor_pb2.FileDescriptorProto()
            descriptor.CopyToProto(collected[descriptor.name])
