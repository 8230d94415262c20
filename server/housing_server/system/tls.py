"""Certificate and key of the service, in files that may be replaced while it runs."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from housing_server.errors import InvalidSettings

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Paths of PEM files."""

    certificate: str
    """The service's certificate, and intermediate ones."""
    key: str
    """Its private key."""
    client_ca: str = ""
    """Certificates of the authorities that sign callers' certificates, which are required then; empty for none."""

    def check(self) -> None:
        """Check that the files can be used.

        Raises:
            InvalidSettings: one cannot be read, or certificate and key do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Without a function for the pass phrase OpenSSL would ask for it on the terminal.
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise InvalidSettings(
                f"HOUSING_TLS_CERTIFICATE, HOUSING_TLS_KEY: {self.certificate} and {self.key} are not a readable "
                f"certificate and its unencrypted key ({_cause(error)})"
            ) from None
        if self.client_ca:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise InvalidSettings(
                    f"HOUSING_TLS_CLIENT_CA: {self.client_ca} holds no readable certificates ({_cause(error)})"
                ) from None

    def stamp(self) -> _Stamp:
        """Return what differs once a file has been replaced.

        Raises:
            OSError: a file is missing.
        """
        paths = [self.certificate, self.key, *([self.client_ca] if self.client_ca else [])]
        found = (Path(path).stat() for path in paths)
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


class TlsWatch:
    """Detects that files have been replaced by others that can be used."""

    def __init__(self, files: TlsFiles, on_error: Callable[[str], object]) -> None:
        """Remember the files as they are.

        Args:
            files: the files.
            on_error: called with the cause when new files cannot be used; the old ones remain in use.
        """
        self._files = files
        self._on_error = on_error
        self._stamp: _Stamp | None = files.stamp()

    def changed(self) -> bool:
        """Return whether the files have been replaced since the last call."""
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._files.check()
        except (OSError, InvalidSettings) as error:
            self._on_error(str(error))
            return False
        return True


def _cause(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__
