"""The watcher's child processes: commands of this program, which end with it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from housing.logs import Log
from housing.tether import tethered


class HousingChildren:
    """Runs `housing retrain take`, `housing retrain work` and `housing retrain guard`, one at a time."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._running: subprocess.Popen[str] | None = None
        self._stopped = False
        self.problem = ""
        """Why the last child failed; empty if it did not."""

    def stop(self) -> None:
        """Terminate the running child, if any, and start no other; its work is resumed at the next start."""
        self._stopped = True
        if self._running is not None:
            self._running.terminate()

    def take(self, files: Sequence[Path]) -> None:
        """Read files, and log one event for each."""
        output = self._run("take", "--json", *map(str, files))
        for line in output.splitlines():
            if line.startswith("{"):
                report = json.loads(line)
                self._log.info(f"file {report['result']}", **{each: report[each] for each in _LOGGED})

    def retrain(self) -> None:
        """Run the waiting retrainings."""
        self._run("work")

    def guard(self) -> bool:
        """Judge the last promotion, and roll it back if that is due; return whether that was done or not needed."""
        output = self._run("guard", "--json")
        for line in output.splitlines():
            if line.startswith("{"):
                acted = json.loads(line)
                if acted.pop("rolled_back"):
                    self._log.warning("promotion rolled back", **acted)
                return True
        return False

    def _run(self, *arguments: str) -> str:
        command = tethered((sys.executable, "-m", "housing_cli", "retrain", *arguments))
        if self._stopped:
            return ""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as self._running:
            output, errors = self._running.communicate()
        self.problem = ""
        if self._running.returncode and not self._stopped:
            reason = (errors.strip().splitlines() or ["see its record"])[-1]
            self.problem = f"housing retrain {arguments[0]}: {reason}"
            self._log.error("child process failed", command=arguments[0], reason=reason)
        return output


_LOGGED = ("file", "reason", "rows", "new_rows", "known_rows", "contradicting_rows", "bad_rows")
