"""Where documents of the repository are on the site, and links between them."""

import posixpath
import re
from dataclasses import dataclass
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
    "benchmarks/soak-envoy.md",
    "benchmarks/retraining.md",
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
