"""Routes for the pages: Envoy itself responds with the files of `web/`, whatever else is up or down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from housing.routes import METRICS_PATH

WEB = Path(__file__).parents[1] / "web"
"""Folder of the files."""
MAX_FILE_BYTES = 256 * 1024
"""Size limit of a file: Envoy keeps all of them in memory."""

_PAGES = {"/": "index.html", "/docs": "docs.html", "/ops": "ops.html", "/openapi.json": "openapi.json"}
"""Files with a path of their own; that of all others is `/web/` and their path in the folder."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".bin": "application/octet-stream",
}
_POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        *(f"{kind} 'none'" for kind in ("base-uri", "form-action", "frame-ancestors")),
        "require-trusted-types-for 'script'",
    ]
)
"""Content-Security-Policy of every file: nothing from elsewhere, and no script or style within a page."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def files() -> Mapping[str, Path]:
    """Return the files that are served, by their path in HTTP."""
    named = set(_PAGES.values())
    found = sorted(path for path in WEB.rglob("*") if path.suffix in _TYPES)
    assets = {f"/web/{path.relative_to(WEB).as_posix()}": path for path in found if path.name not in named}
    return {path: WEB / name for path, name in _PAGES.items()} | assets


def add_pages(config: dict[str, Any]) -> None:
    """Add the routes of all files before those of a gateway's configuration, in place."""
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    plain = next(
        each["typed_per_filter_config"] for each in host["routes"] if each["match"].get("path") == METRICS_PATH
    )
    host["routes"][:0] = _page_routes(plain)


def _page_routes(plain: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield Envoy's routes for all files, for callers with the current copy and those without, and for `/docs/`.

    Args:
        plain: settings of filters for routes that are not transcoded, such as those of metrics.
    """
    for path, file in files().items():
        etag = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        current = {"name": "if-none-match", "string_match": {"contains": etag}}
        headers = _HEADERS | {"etag": f'W/"{etag}"'}  # a weak one survives compression
        yield _route({"path": path, "headers": [current]}, {"status": 304}, headers, plain)
        typed = headers | {"content-type": _TYPES[file.suffix]}
        yield _route({"path": path}, {"status": 200, "body": {"filename": str(file)}}, typed, plain)
    for path in sorted(_PAGES.keys() - {"/"}):
        redirect = {"path_redirect": path, "response_code": "PERMANENT_REDIRECT"}
        yield {"match": {"path": f"{path}/"}, "redirect": redirect, "typed_per_filter_config": plain}


def _route(
    match: Mapping[str, Any], response: Mapping[str, Any], headers: Mapping[str, str], plain: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "match": match,
        "direct_response": response,
        "response_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
        "response_headers_to_remove": ["location"],  # which Envoy adds to 304
        "typed_per_filter_config": plain,
    }
