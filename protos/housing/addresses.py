"""Hosts and ports as URLs and gRPC write them."""


def join_address(host: str, port: int) -> str:
    """Join a host and a port: an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
