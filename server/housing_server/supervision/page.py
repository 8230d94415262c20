"""The page at `/`, for people: the service's HTTP routes, each with the gRPC method that it calls."""

from collections.abc import Iterator

from housing.routes import PAGES, ROUTES

_BEGINNING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>California house prices</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 42rem; padding: 0 1rem; }</style>
<h1>California house prices</h1>
<p>A prediction service. Call it over gRPC, or over JSON at these routes of the gateway:</p>
<ul>
"""


def _items() -> Iterator[str]:
    for route in ROUTES:
        yield _item(route.verb, route.path, f"<code>{route.method.containing_service.name}/{route.method.name}</code>")
    for path, content in PAGES.items():
        yield _item("GET", path, content)


def _item(verb: str, path: str, text: str) -> str:
    shown = f"<code>{verb} {path}</code>"
    if verb == "GET" and "{" not in path:
        shown = f'<a href="{path}">{shown}</a>'
    return f"<li>{shown}: {text}</li>\n"


PAGE: str = _BEGINNING + "".join(_items()) + "</ul>\n</html>\n"
"""The page, in HTML."""
