"""Writes MLServer's contract, for ghz. `python describe.py TABLE.csv FOLDER`."""

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from mlserver.grpc import dataplane_pb2  # pylint: disable=import-error  # only in the peer's own environment

if __name__ == "__main__":
    contract = FileDescriptorSet()
    dataplane_pb2.DESCRIPTOR.CopyToProto(contract.file.add())
    (Path(sys.argv[2]) / "contract.binpb").write_bytes(contract.SerializeToString())
