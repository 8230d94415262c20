"""The launcher of supervised processes: `python -m housing_server.processes.launch MODULE ARGUMENT...` runs a module.

It first imports structlog while rich is hidden. structlog would import rich wherever it is installed, for tracebacks on
consoles: 10 MB and a tenth of a second for each process, although all of them write JSON.
"""

import importlib
import runpy
import signal
import sys


def main() -> None:
    """Run the module that the command line names, with the arguments that follow."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or it would stop when it writes to a terminal with `stty tostop`
    sys.modules["rich"] = None  # type: ignore[assignment]  # makes the import fail
    importlib.import_module("structlog")
    del sys.modules["rich"]  # a model may need it
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
