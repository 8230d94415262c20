"""Certificates for tests: an authority of their own, and files that a service reads."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import trustme

from housing_server.system.tls import TlsFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority, and the files of a service with a certificate of it."""

    authority: trustme.CA
    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        """Make an authority and a certificate for loopback addresses."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(authority=trustme.CA(), folder=folder)
        made.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        made.issue()
        return made

    def issue(self) -> None:
        """Issue a certificate for the service, in the place of the last one: key and chain are replaced by renaming."""
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        for name, content in (
            ("key.pem", leaf.private_key_pem.bytes()),
            ("certificate.pem", leaf.cert_chain_pems[0].bytes()),
        ):
            part = self.folder / f"{name}.part"
            part.write_bytes(content)
            part.replace(self.folder / name)

    def files(self, *, clients: bool) -> TlsFiles:
        """The files of the service; with callers' certificates required or not."""
        names = {name: str(self.folder / f"{name}.pem") for name in ("certificate", "key")}
        return TlsFiles(**names, client_ca=str(self.folder / "ca.pem") if clients else "")

    def settings(self, *, clients: bool = False) -> dict[str, object]:
        """The settings of a service."""
        files = self.files(clients=clients)
        chosen: dict[str, object] = {"tls_certificate": files.certificate, "tls_key": files.key}
        return chosen | ({"tls_client_ca": files.client_ca} if clients else {})

    def credentials(self, name: str = "") -> grpc.ChannelCredentials:
        """What a client trusts, and the certificate of a client of this name."""
        roots = self.authority.cert_pem.bytes()
        if not name:
            return grpc.ssl_channel_credentials(roots)
        leaf = self.authority.issue_cert(name)
        return grpc.ssl_channel_credentials(
            roots, leaf.private_key_pem.bytes(), b"".join(each.bytes() for each in leaf.cert_chain_pems)
        )
