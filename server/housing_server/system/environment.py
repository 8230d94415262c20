"""The environment of processes that load models: what Python and its libraries need, without secrets."""

from collections.abc import Mapping

_KEPT = frozenset({"HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV"})
_KEPT_PREFIXES = ("COV_", "COVERAGE_", "LC_", "MALLOC_", "MKL_", "NPY_", "OMP_", "OPENBLAS_", "ORT_", "PYTHON")
_TRACING_PREFIX = "OTEL_"
_DATABASE_PREFIX = "PG"


def without_secrets(environment: Mapping[str, str], *, tracing: bool = False, database: bool = False) -> dict[str, str]:
    """Return the variables of an environment that are known to hold no secret.

    Args:
        environment: all variables.
        tracing: whether to keep those of OpenTelemetry, which may hold a collector's token.
        database: whether to keep those of PostgreSQL's client.
    """
    prefixes = (*_KEPT_PREFIXES, *[_TRACING_PREFIX] * tracing, *[_DATABASE_PREFIX] * database)
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(prefixes)}
