"""The bare install needs gRPC, protobuf and click; the command starts without the first two."""

import subprocess
import sys

HEAVY = ("numpy", "pandas", "mlflow", "pydantic", "pydantic_settings", "onnxruntime", "protovalidate", "structlog")

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # None makes the import of a name fail
import housing_client
modules = [found.name for found in pkgutil.walk_packages(housing_client.__path__, "housing_client.")]
for name in modules:
    if not name.endswith("__main__"):
        importlib.import_module(name)
for name in housing_client.__all__:
    getattr(housing_client, name)
print(len(modules))
"""

HELP = """
import sys
from housing_client.cli import main
main(["--help"], standalone_mode=False)
print(sorted({"grpc", "google.protobuf", "housing.contract", "asyncio"} & sys.modules.keys()))
"""


def _python(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True, text=True).stdout


def test_the_client_works_without_the_packages_of_the_extras() -> None:
    """Every module and every public name can be had from the bare install."""
    assert int(_python(IMPORT_ALL, *HEAVY)) > 10


def test_listing_the_commands_imports_none_of_them() -> None:
    """`housing --help` loads neither gRPC nor the contract."""
    assert _python(HELP).splitlines()[-1] == "[]"
