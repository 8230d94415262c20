"""Commands that end with the process that has started them, whatever ends that: `kill -9` leaves nothing running.

Linux sends a child a signal when its parent dies; elsewhere a process in between looks every second. Run as a program,
`tether.py PARENT SIGNAL COMMAND...` runs the command like that. It imports little, since it stands in front of others.
"""

import os
import signal
import sys
import threading

_SET_PARENT_DEATH_SIGNAL = 1
"""`PR_SET_PDEATHSIG` of Linux' prctl."""

_LOOK_SECONDS = 1.0


def tethered(command: tuple[str, ...], number: signal.Signals = signal.SIGTERM) -> tuple[str, ...]:
    """Make the command that runs another one, which is sent a signal when this process dies.

    It is to be started by the main thread: Linux counts the death of the thread that has started it.
    """
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(number)), *command)


def end_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Send this process a signal when its parent dies, or at once if that is dead already.

    Args:
        number: the signal.
        parent: who has started this process; by default whoever is its parent now.
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
    """Run the command that the command line names."""
    parent, number, *command = sys.argv[1:]
    death = signal.Signals(int(number))
    if sys.platform == "linux":  # which keeps the setting when a program is replaced by another
        end_with_parent(death, int(parent))
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    process = os.posix_spawnp(command[0], command, os.environ)
    for passed_on in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(passed_on, lambda received, _: os.kill(process, received))
    threading.Thread(target=_watch, args=(int(parent), process, death), daemon=True).start()
    _, status = os.waitpid(process, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
