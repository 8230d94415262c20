"""How supervised processes start: `python -m housing_server.processes.launch MODULE ARGUMENT...` runs a module.

First it imports structlog while rich cannot be found. structlog would import that wherever it is installed, to draw
tracebacks on consoles: 10 MB and a tenth of a second for each process, of which every one writes JSON.
"""

import importlib
import runpy
import sys


def main() -> None:
    """Run the module that the command line names, with the arguments that follow."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python is told that a module is not there
    importlib.import_module("structlog")
    del sys.modules["rich"]  # a model may need it
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
