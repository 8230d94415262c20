"""TLS of gRPC's own library: certificates that are read again for the next connection once they have been replaced."""

from pathlib import Path

import grpc
import structlog

from housing_server.system.tls import TlsFiles, TlsWatch


def server_credentials(files: TlsFiles, log: structlog.typing.FilteringBoundLogger) -> grpc.ServerCredentials:
    """Return credentials for a server port.

    Args:
        files: certificate, key, and the authorities of callers' certificates.
        log: logs new files, and those that cannot be used.
    """
    watch = TlsWatch(files, lambda cause: log.error("the new certificate cannot be used", reason=cause))

    def renew() -> grpc.ServerCertificateConfiguration | None:
        if not watch.changed():
            return None
        log.info("certificate renewed")
        return _configuration(files)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(files),
        renew,  # type: ignore[arg-type]  # None is for no change
        require_client_authentication=bool(files.client_ca),
    )


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    pair = (Path(files.key).read_bytes(), Path(files.certificate).read_bytes())
    return grpc.ssl_server_certificate_configuration(
        [pair], root_certificates=Path(files.client_ca).read_bytes() if files.client_ca else None
    )
