"""Artifacts of a local registry that has been moved: MLflow records absolute locations."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def moved_artifacts(location: str, database: Path) -> Path | None:
    """Find artifacts that are not at their recorded location, but have moved together with the registry's database.

    Args:
        location: the recorded location.
        database: the registry's file.

    Returns:
        The actual path; None when they are at the recorded location, or cannot be found.
    """
    recorded = local_path(location)
    if recorded is None or recorded.exists():
        return None
    beside = database.absolute().parent
    parts = recorded.parts[1:]
    tails = (beside.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tail.exists()), None)


def local_path(location: str) -> Path | None:
    """Return the path that a location names; None if it is not one of this machine."""
    if location.startswith("/"):
        return Path(location)
    address = urlsplit(location)
    return Path(unquote(address.path)) if address.scheme == "file" and address.netloc in {"", "localhost"} else None
