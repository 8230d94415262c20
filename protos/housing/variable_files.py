"""Values of environment variables from files: `HOUSING_NAME_FILE` names the file with the value of `HOUSING_NAME`.

A secret in a variable is inherited by every process, and shown by many tools.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

_PREFIX = "HOUSING_"
_SUFFIX = "_FILE"


def values_from_files(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values that files hold, by lower-case name without the prefix.

    Args:
        names: names of settings, in lower case.
        environment: all variables.

    Raises:
        ValueError: a file cannot be read, or the variable itself is set as well; the message names the variable.
    """
    found = {}
    for name in names:
        variable = f"{_PREFIX}{name.upper()}"
        path = environment.get(variable + _SUFFIX)
        if path:
            if variable in environment:
                raise ValueError(f"{variable} and {variable}{_SUFFIX}: set only one of them")
            found[name] = _read(Path(path), variable + _SUFFIX)
    return found


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{variable}: {path} cannot be read ({type(error).__name__})") from None
