"""Operation of the servers in `housing_benchmarks.reference`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from housing_benchmarks.processes import PYTHON, Command, Server, free_port, running, says
from housing_benchmarks.programs import ROOT, find_program
from housing_benchmarks.reference.listening import READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A running reference server."""

    servers: Sequence[Server]
    """Its processes."""
    port: int
    """The port that they share."""


@contextmanager
def running_go(folder: Path, answer: Path) -> Iterator[Reference]:
    """Run the server in Go until the end of the block: one process, whose threads use all processors.

    Raises:
        ProgramMissing: it was not built.
    """
    port = free_port()
    command = Command(arguments=[find_program("go-no-op"), str(port), answer], environment={})
    with running(command, folder / "go-no-op.log", says(READY)) as server:
        yield Reference(servers=[server], port=port)


@contextmanager
def running_reference(module: str, folder: Path, workers: int, *arguments: str) -> Iterator[Reference]:
    """Run a reference server in `workers` processes on one port until the end of the block."""
    port = free_port()
    command = Command(
        arguments=[PYTHON, "-m", f"housing_benchmarks.reference.{module}", str(port), *arguments],
        environment={"PYTHONPATH": str(ROOT / "benchmarks")},
    )
    with ExitStack() as stack:
        logs = [folder / f"{module}-{slot}.log" for slot in range(workers)]
        servers = [stack.enter_context(running(command, log, says(READY))) for log in logs]
        yield Reference(servers=servers, port=port)
