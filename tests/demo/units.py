"""Values of panels as Grafana writes them, by the names of its units."""

from collections.abc import Callable

_SHORT = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_SECONDS = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (0, "µs"))


def _scaled(value: float, steps: tuple[tuple[float, str], ...], gap: str = "") -> str:
    size, name = next(((size, name) for size, name in steps if abs(value) >= size), (1.0, ""))
    return f"{_number(value / size)}{gap if name else ''}{name}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"


def _seconds(value: float) -> str:
    size, name = next((size, name) for size, name in _SECONDS if abs(value) >= size)
    return f"{_number(value / (size or 1e-6))} {name}"


_UNITS: dict[str, Callable[[float], str]] = {
    "short": lambda value: _scaled(value, _SHORT),
    "currencyUSD": lambda value: ("-$" if value < 0 else "$") + _scaled(abs(value), _SHORT),
    "percentunit": lambda value: f"{_number(value * 100)} %",
    "bytes": lambda value: _scaled(value, _BYTES, " "),
    "s": _seconds,
    "ms": lambda value: _seconds(value / 1000),
    "reqps": lambda value: f"{_scaled(value, _SHORT)} req/s",
    "cps": lambda value: f"{_scaled(value, _SHORT)}/s",
}


def written(value: float, unit: str | None) -> str:
    """Return a value with its unit.

    Raises:
        KeyError: no dashboard had that unit when this was written.
    """
    return _UNITS[unit or "short"](value)
