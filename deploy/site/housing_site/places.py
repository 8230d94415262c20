"""Where documents of the repository are on the site, and links between them."""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[3]

FRONT_PAGE = "README.md"

OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "data/README.md",
    "benchmarks/results.md",
    "benchmarks/soak.md",
)
"""Documents that are not in docs/ and are pages of the site as well."""

PLOTS = "benchmarks/plots"

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")


def on_site(path: str) -> str | None:
    """Return the place on the site of a file of the repository; `None` for a file that is not on it."""
    if path == FRONT_PAGE:
        return "index.md"
    if path in OUTSIDE or path.startswith(f"{PLOTS}/"):
        return path
    inside = path.removeprefix("docs/")
    return inside if inside != path and (ROOT / path).is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links of one document, rewritten for the site."""

    document: str
    """Path of the document in the repository."""
    source_address: str = ""
    """Where sources can be read, such as `https://example.org/blob/main`; links to them become plain text without."""

    def rewritten(self, text: str) -> str:
        """Return Markdown whose links lead to pages of the site, or to the repository's sources."""
        return _LINK.sub(self._link, text)

    def _link(self, found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        label = self.rewritten(text)  # which may be a picture
        path, hash_mark, anchor = target.partition("#")
        if not path or ":" in path:
            return f"{mark}[{label}]({target})"
        there = posixpath.normpath(posixpath.join(posixpath.dirname(self.document), path))
        for name in (there, f"{there}/README.md"):
            if (place := on_site(name)) is not None:
                return f"{mark}[{label}]({self._relative(place)}{hash_mark}{anchor})"
        if not (ROOT / there).exists():
            return found[0]  # which MkDocs reports
        return f"[{label}]({self.source_address}/{there})" if self.source_address else label

    def _relative(self, place: str) -> str:
        here = on_site(self.document) or ""
        return posixpath.relpath(place, str(PurePosixPath(here).parent))


def lists_without_a_blank_line(text: str) -> list[int]:
    """Return the lines at which a list or table begins within a paragraph: Markdown of this site reads on there."""
    return [line for line, before, after in _outside_of_code(text) if _begins_block(after) and _is_paragraph(before)]


def _outside_of_code(text: str) -> list[tuple[int, str, str]]:
    lines, fenced, found = text.splitlines(), False, []
    for number, (before, after) in enumerate(pairwise(lines), start=2):
        fenced ^= before.lstrip().startswith("```")
        if not fenced:
            found.append((number, before, after))
    return found


_BLOCK = re.compile(r"\s*(?:[-*] |\d+\. |\|)")
_begins_block: Callable[[str], re.Match[str] | None] = _BLOCK.match


def _is_paragraph(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((" ", "#", "<", "```")) and not _BLOCK.match(line)
