"""The bare install needs gRPC, protobuf and click, the library without the last; the command starts without any."""

import subprocess
import sys

HEAVY = ("numpy", "pandas", "mlflow", "pydantic", "pydantic_settings", "onnxruntime", "protovalidate", "structlog")

IMPORT_ALL = """
import importlib, pkgutil, sys
package, *missing = sys.argv[1:]
sys.modules.update(dict.fromkeys(missing))  # None makes the import of a name fail
root = importlib.import_module(package)
modules = [found.name for found in pkgutil.walk_packages(root.__path__, f"{package}.")]
for name in modules:
    if not name.endswith("__main__"):
        importlib.import_module(name)
for name in getattr(root, "__all__", ()):
    getattr(root, name)
print(len(modules))
"""

HELP = """
import sys
from housing_cli.main import main
main(["--help"], standalone_mode=False)
print(sorted({"grpc", "google.protobuf", "housing.features", "housing_client", "asyncio"} & sys.modules.keys()))
"""


def _python(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True, text=True).stdout


def test_the_client_works_without_the_packages_of_the_extras_and_the_command_line() -> None:
    """Every module and every public name is there when neither click nor the commands are."""
    assert int(_python(IMPORT_ALL, "housing_client", "click", "housing_cli", *HEAVY)) > 10


def test_the_command_line_works_without_the_packages_of_the_extras() -> None:
    """Every module can be imported from the bare install."""
    assert int(_python(IMPORT_ALL, "housing_cli", *HEAVY)) > 10


def test_listing_the_commands_imports_none_of_them() -> None:
    """`housing --help` loads neither gRPC nor the contract."""
    assert _python(HELP).splitlines()[-1] == "[]"
