"""A PostgreSQL server for tests: in a temporary folder, on a Unix socket, as a user who may run one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_interface
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from running import PATIENCE, wait_for

_SUPERUSER = "postgres"


class PostgresServer:
    """A server that tests may stop and start; its databases stay.

    Args:
        programs: the folder of `initdb` and `postgres`.
        folder: where its files and its socket go; the path must be short, for the socket.
        network: the address that it listens on beside the socket, and how long the prefix is of those it trusts, as
            `10.0.0.1/16`.
    """

    def __init__(self, programs: Path, folder: Path, network: str | None = None) -> None:
        self._programs = programs
        self._folder = folder
        self._address = network.partition("/")[0] if network else ""
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, _SUPERUSER, _SUPERUSER)
        initdb = ("initdb", "-D", f"{folder}/data", "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        subprocess.run(self._command(*initdb), check=True, capture_output=True)
        if network:
            with (folder / "data/pg_hba.conf").open("a", encoding="utf-8") as trusted:
                trusted.write(f"host all all {ip_interface(network).network} trust\n")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (f"listen_addresses={self._address}", "fsync=off", f"unix_socket_directories={self._folder}")
        options = [word for setting in settings for word in ("-c", setting)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with  # `stop` waits for it
                self._command("postgres", "-D", f"{self._folder}/data", *options), stdout=log, stderr=log
            )
        wait_for(self._answers, "PostgreSQL's first answer")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(PATIENCE)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang until the end of the block: it takes connections, and answers nothing."""
        assert self._process is not None
        # The command may be the program that changes the user, and connections have processes of their own.
        stopped = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def create_database(self, name: str) -> str:
        """Make an empty database, or empty the one of that name, and return its URL."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
                return self._url(name)
        with psycopg.connect(self._url(name)) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://{_SUPERUSER}@/{database}?host={self._folder}"

    def _answers(self) -> bool | None:
        try:
            psycopg.connect(self._url("postgres")).close()
        except psycopg.OperationalError:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "server.log").read_text()
            return None
        return True

    def _command(self, program: str, *arguments: str) -> list[str]:
        """Return a command line; the server refuses to run as root."""
        other_user = ["setpriv", f"--reuid={_SUPERUSER}", f"--regid={_SUPERUSER}", "--clear-groups"]
        return [*(other_user if os.geteuid() == 0 else ()), str(self._programs / program), *arguments]


@contextmanager
def running_postgres(network: str | None = None) -> Iterator[PostgresServer]:
    """Run a server until the end of the block; without the program, the test is skipped, but under CI it fails."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(programs, Path(folder), network)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path:
    """Find the newest server; Debian keeps it off the PATH."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    if found:
        return found[-1]
    reason = "PostgreSQL is missing: make tools, or apt-get install postgresql"
    return pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server, for the whole session; a test that stops it starts it again."""
    with running_postgres() as server:
        yield server
