"""Write the OpenAPI document: `python -m housing_openapi DESCRIPTORS DOCUMENT`."""

import json
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from housing_openapi.document import document


def main(descriptors: Path, written: Path) -> None:
    """Write the document of a descriptor set with source information, compact, since pages load it."""
    made = document(FileDescriptorSet.FromString(descriptors.read_bytes()))
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
