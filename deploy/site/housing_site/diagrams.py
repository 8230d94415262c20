"""Mermaid's diagrams, drawn when the site is built: pages load no script for them."""

import hashlib
import re
from typing import Any

import mermaidx


def drawn(source: str, language: str, class_name: str, options: object, md: object, **_rest: Any) -> str:
    """Return a diagram as SVG within a figure, as PyMdown's fences want it.

    Raises:
        RuntimeError: Mermaid refuses the diagram.
    """
    del language, class_name, options, md
    svg = mermaidx.render(source).svg()
    # Styles of a diagram are for its id, which is the same for all that Mermaid draws.
    name = f"diagram-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    return f'<figure class="diagram">{re.sub("my-svg", name, svg)}</figure>'
