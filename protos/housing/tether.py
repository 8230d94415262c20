"""Commands that end with their parent process, however that ends: `kill -9` leaves nothing running.

Linux sends a child a signal when its parent dies; elsewhere an intermediate process polls every second. As a program,
`tether.py PARENT SIGNAL COMMAND...` runs a command that way. It imports little, since it delays the command.
"""

import os
import signal
import sys
import threading

_SET_PARENT_DEATH_SIGNAL = 1
"""`PR_SET_PDEATHSIG` of Linux' prctl."""

_LOOK_SECONDS = 1.0


def tethered(command: tuple[str, ...], number: signal.Signals = signal.SIGTERM) -> tuple[str, ...]:
    """Return a command that runs another one, which receives a signal when this process dies.

    It must be started by the main thread: on Linux the death of the starting thread counts.
    """
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(number)), *command)


def end_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Send this process a signal when its parent dies, or at once if it is dead already.

    Args:
        number: the signal.
        parent: id of the parent process; by default the current parent.
    """
    expected = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only here

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(number))
        if os.getppid() != expected:
            os.kill(os.getpid(), number)
    else:
        watching = threading.Thread(target=_watch, args=(expected, os.getpid(), number), daemon=True)
        watching.start()


def _watch(parent: int, process: int, number: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(_LOOK_SECONDS)
    os.kill(process, number)


def main() -> None:
    """Run the command given on the command line."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or it would stop when it writes to a terminal with `stty tostop`
    parent, number, *command = sys.argv[1:]
    death = signal.Signals(int(number))
    if sys.platform == "linux":  # where the setting survives `exec`
        end_with_parent(death, int(parent))
        os.execvp(command[0], command)  # noqa: S606 - no shell is needed
    process = os.posix_spawnp(command[0], command, os.environ)
    for forwarded in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(forwarded, lambda received, _: os.kill(process, received))
    threading.Thread(target=_watch, args=(int(parent), process, death), daemon=True).start()
    _, status = os.waitpid(process, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
