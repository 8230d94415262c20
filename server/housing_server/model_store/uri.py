"""The URI of a registered model: `models:/NAME@ALIAS` or `models:/NAME/VERSION`."""

from __future__ import annotations

from dataclasses import dataclass

from housing_server.errors import ModelNotFound

_SCHEME = "models:/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUri:
    """A registered model, by alias or by version."""

    name: str
    """Name of the registered model."""
    alias: str
    """The alias; empty when the version is given."""
    version: str
    """The version; empty when the alias is given."""

    @classmethod
    def parse(cls, text: str) -> ModelUri:
        """Parse a URI.

        Raises:
            ModelNotFound: the URI is malformed.
        """
        reference = text.removeprefix(_SCHEME)
        for separator in "@/":
            name, found, rest = reference.rpartition(separator)
            if found and name and rest and reference != text:
                by_alias = separator == "@"
                return cls(name=name, alias=rest if by_alias else "", version="" if by_alias else rest)
        raise ModelNotFound(f"HOUSING_MODEL_URI must be models:/NAME@ALIAS or models:/NAME/VERSION, not {text}")

    def __str__(self) -> str:
        return f"{_SCHEME}{self.name}@{self.alias}" if self.alias else f"{_SCHEME}{self.name}/{self.version}"
