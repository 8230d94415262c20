"""Settings of a program, from environment variables and from files that variables name.

What each program can be set to is a class of its own; how the values are found, and how a wrong one is reported, is the
same for all. Importing this takes pydantic, which the client library does without.
"""

import os
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from housing.variable_files import values_from_files


class EnvironmentSettings(BaseSettings):
    """Settings of which each field is the variable `HOUSING_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="HOUSING_", protected_namespaces=(), frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used here
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add files: `HOUSING_NAME_FILE` names one with the value of `HOUSING_NAME`."""
        files = InitSettingsSource(settings_cls, values_from_files(cls.model_fields, os.environ))
        return init_settings, files, env_settings


Settings = TypeVar("Settings", bound=EnvironmentSettings)


def settings_from_environment(kind: type[Settings], invalid: type[Exception]) -> Settings:
    """Read settings from the environment.

    Args:
        kind: their class.
        invalid: what is raised, with a message that names each variable whose value is not allowed, and its limits.
    """
    try:
        return kind()
    except ValidationError as error:
        raise invalid("; ".join(_problems(error))) from None  # the error quotes values, secrets among them
    except ValueError as error:
        raise invalid(str(error)) from None


def _problems(error: ValidationError) -> list[str]:
    # A default that is computed from other settings fails with them, and adds no information.
    causes = [each for each in error.errors() if each["type"] != "default_factory_not_called"]
    return [f"HOUSING_{str(each['loc'][0]).upper()}: {each['msg']}" for each in causes]
