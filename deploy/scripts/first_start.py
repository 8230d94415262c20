"""Makes what the compose file's services trust each other by, at the first start: certificate, keys, and a password.

Each folder is a volume: `secrets` of the database, `tls` of those that callers connect to, `keys` of the server, and
`clients` of those that call it. What exists is kept; a certificate is replaced 30 days before it expires.

Usage: first_start.py FOLDER, that of the folders.
"""

import secrets
import ssl
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from housing_server.access.key_file import change_keys
from housing_server.access.keys import ApiKey, new_secret

HOSTS = ("localhost", "server", "gateway")
"""Names that callers reach the services by, on this machine and in the network of the containers."""
ROLES = {
    "keys/admin.key": "admin",
    "clients/monitor.key": "operate",
    "clients/retrainer.key": "operate",
}
"""The role of each key, by its file."""

_LIFETIME = timedelta(days=825)
_RENEWED = timedelta(days=30)
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_PRIVATE, _PUBLIC = 0o600, 0o644


def write(path: Path, content: bytes, mode: int = _PRIVATE) -> None:
    """Write a file as a whole, with its permissions from the start."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode)
    part.write_bytes(content)
    part.replace(path)


def make_password(folder: Path) -> None:
    """Make the database's password, and the file in which its clients find it."""
    password = folder / "postgres_password"
    if not password.exists():
        write(password, secrets.token_urlsafe(32).encode(), _PUBLIC)  # for another user, in another container
    write(folder / "pgpass", f"postgres:5432:*:housing:{password.read_text('utf-8')}".encode())


def make_certificate(folder: Path, clients: Path) -> None:
    """Make a certificate, and an authority that signs nothing else: its key is forgotten."""
    now, path = datetime.now(UTC), folder / "certificate.pem"
    if path.exists() and x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc - now > _RENEWED:
        return
    authority, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root = _builder("california-housing: authority", authority, now)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signing = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True}
    root = root.add_extension(x509.KeyUsage(**signing), critical=True)
    issuer = root.issuer_name(_name("california-housing: authority")).sign(authority, SHA256())
    names = [*map(x509.DNSName, HOSTS), x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
    leaf = _builder("california-housing", key, now).issuer_name(issuer.subject)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = leaf.add_extension(issued_by, critical=False)
    write(folder / "key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write(path, leaf.sign(authority, SHA256()).public_bytes(Encoding.PEM), _PUBLIC)
    for each in (folder, clients):
        write(each / "ca.pem", issuer.public_bytes(Encoding.PEM), _PUBLIC)
    ssl.create_default_context(cafile=folder / "ca.pem").load_cert_chain(path, folder / "key.pem")


def _builder(name: str, key: EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(_name(name)).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return made.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + _LIFETIME)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def make_keys(folder: Path) -> None:
    """Make the API keys of the services, and one for people."""
    for name, role in ROLES.items():
        path = folder / name
        if not path.exists():
            write(path, f"{_new_key(folder / 'keys/keys.json', path.stem, role)}\n".encode())


def _new_key(file: Path, name: str, role: str) -> str:
    """Add a key to the file of keys, in the place of one that an interrupted start has made; return its text."""
    made, now = new_secret(), time.time()

    def change(known: Sequence[ApiKey], number: int) -> Sequence[ApiKey]:
        key = ApiKey(key_id=made.key_id, name=name, role=role, digest=made.digest, created_at=now, number=number)
        return [*(each for each in known if each.name != name), key]

    change_keys(file, change)
    return made.text


def main(folder: Path) -> None:
    """Make what is missing, and write once where the key of people is."""
    is_first = not (folder / "keys/admin.key").exists()
    make_password(folder / "secrets")
    make_certificate(folder / "tls", folder / "clients")
    make_keys(folder)
    if is_first:
        print(  # noqa: T201 - this program's output
            "Callers need a key, and trust a certificate, which were made now:\n"
            f"  docker compose exec server cat {folder}/keys/admin.key > admin.key\n"
            f"  docker compose exec server cat {folder}/tls/ca.pem > ca.pem\n"
            "docs/containers.md shows how to call the service with them."
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
