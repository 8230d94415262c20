"""TLS in Envoy's configuration: to its callers, and to the gRPC services.

Certificates come from files through Envoy's secret discovery, which reads them again when a file is replaced by
renaming, as certbot and Kubernetes do.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from housing_server.system.tls import TlsFiles

_Data = dict[str, Any]
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_SERVER, _CALLERS = "server", "callers"


def downstream(files: TlsFiles, folder: Path) -> _Data:
    """Return the transport socket of a listener.

    Args:
        files: certificate, key, and the authorities of callers' certificates.
        folder: folder for the files of secret discovery.
    """
    certificate = {
        "certificate_chain": {"filename": str(Path(files.certificate).absolute())},
        "private_key": {"filename": str(Path(files.key).absolute())},
    }
    context: _Data = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [_secret(_SERVER, {"tls_certificate": certificate}, folder)],
    }
    if files.client_ca:
        authorities = {"trusted_ca": {"filename": str(Path(files.client_ca).absolute())}}
        context["validation_context_sds_secret_config"] = _secret(_CALLERS, {"validation_context": authorities}, folder)
    return _socket("DownstreamTlsContext", common_tls_context=context, require_client_certificate=bool(files.client_ca))


def upstream(hosts: Sequence[str], ca_file: str, certificate: str, key: str) -> _Data:
    """Return the transport socket of a cluster.

    Args:
        hosts: hosts of the services, whose certificates must have one of these names.
        ca_file: certificates of the authorities that sign them.
        certificate: the gateway's own certificate, where the services require one; empty for none.
        key: its private key.
    """
    names = [{"san_type": "IP_ADDRESS" if _is_address(host) else "DNS", "matcher": {"exact": host}} for host in hosts]
    context: _Data = {
        "alpn_protocols": ["h2"],  # which gRPC's library requires
        "validation_context": {
            "trusted_ca": {"filename": str(Path(ca_file).absolute())},
            "match_typed_subject_alt_names": names,
        },
    }
    if certificate:
        files = (("certificate_chain", certificate), ("private_key", key))
        own = {part: {"filename": str(Path(path).absolute())} for part, path in files}
        context["tls_certificates"] = [own]
    indicated = {} if _is_address(hosts[0]) else {"sni": hosts[0]}
    return _socket("UpstreamTlsContext", common_tls_context=context, **indicated)


def _socket(kind: str, **fields: Any) -> _Data:
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": f"{_TLS}.{kind}", **fields}}


def _secret(name: str, secret: _Data, folder: Path) -> _Data:
    """Write the file of a secret, and return the reference to it."""
    path = (folder / f"tls-{name}.json").absolute()
    resource = {"@type": f"{_TLS}.Secret", "name": name, **secret}
    path.write_text(json.dumps({"resources": [resource]}), encoding="utf-8")
    return {
        "name": name,
        "sds_config": {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"},
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
