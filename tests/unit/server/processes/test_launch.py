"""Starting a child process."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import signal
import sys
import structlog.dev
print(__name__, *sys.argv[1:], structlog.dev.rich, "rich" in sys.modules)
import rich
print(rich.__name__, signal.getsignal(signal.SIGTTOU).name)
"""


def test_module_runs_as_a_program_that_does_not_carry_rich(tmp_path: Path) -> None:
    """Logs do without it; a model that needs it gets it. The process may write to a terminal with `stty tostop`."""
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    command = [sys.executable, "-m", "housing_server.processes.launch", "program", "7", "8"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["__main__", "7", "8", "None", "False", "rich", "SIG_IGN"]
