"""Write the OpenAPI document, and what a form needs of it: `python -m housing_openapi DESCRIPTORS DOCUMENT`."""

import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from housing_openapi.document import document

FORM = "form.json"
"""Name of the file with the form's part, beside the document."""


def main(descriptors: Path, written: Path) -> None:
    """Write the document of a descriptor set with source information, and the form's part of it."""
    made = document(FileDescriptorSet.FromString(descriptors.read_bytes()))
    written.parent.mkdir(parents=True, exist_ok=True)
    _write(written, made)
    _write(written.with_name(FORM), _form(made))


def _form(made: dict[str, Any]) -> dict[str, Any]:
    """Return what the page at `/` shows a form by: a thirtieth of the document."""
    body = made["paths"]["/api/predict"]["post"]["requestBody"]["content"]["application/json"]
    return {"schema": made["components"]["schemas"]["BlockGroup"], "example": body["example"]}


def _write(path: Path, made: dict[str, Any]) -> None:
    """Write JSON, compact, since pages load it."""
    path.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
