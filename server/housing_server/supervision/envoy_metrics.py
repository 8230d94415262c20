"""The metrics of the Envoys around workers on one page, labelled by worker."""

from collections.abc import Callable, Iterable
from pathlib import Path

from housing_server.gateway.admin import Admin

_PATH = "/stats/prometheus"

Ask = Callable[[Path, str], str | None]
"""Asks an Envoy's admin interface, by its socket, for a path; None when it does not answer."""


def _ask(socket: Path, path: str) -> str | None:
    return Admin(socket).ask(path)


class EnvoyMetrics:
    """Reads the metrics of several Envoys."""

    def __init__(self, run_dir: Path, workers: Iterable[str], ask: Ask = _ask) -> None:
        """Set what to read.

        Args:
            run_dir: holds the sockets of their admin interfaces.
            workers: names of the workers that they are around.
            ask: asks an admin interface.
        """
        self._sockets = {name: run_dir / f"{name}.sock" for name in workers}
        self._ask = ask

    def page(self) -> str:
        """Return the metrics in Prometheus's text format; those of an Envoy that does not answer are missing."""
        types: dict[str, str] = {}
        samples: dict[str, list[str]] = {}
        for worker, socket in self._sockets.items():
            family = ""
            for line in (self._ask(socket, _PATH) or "").splitlines():
                if line.startswith("# TYPE "):
                    family = line.split()[2]
                    types[family] = line
                elif line and not line.startswith("#"):
                    samples.setdefault(family, []).append(_labelled(line, worker))
        return "".join(f"{line}\n" for family, kind in types.items() for line in (kind, *samples.get(family, ())))


def _labelled(sample: str, worker: str) -> str:
    """Add a label to a sample: `NAME{LABELS} VALUE`, where braces may be missing."""
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{process="{worker}"{"" if rest.startswith("}") else ","}{rest}'
    name, value = sample.split(maxsplit=1)
    return f'{name}{{process="{worker}"}} {value}'
