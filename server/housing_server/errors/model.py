"""The served model, and the registry and its versions, as calls meet them."""

from housing_server.errors.base import RequestError


class ModelNotLoaded(RequestError):
    """No model is loaded yet."""

    def __init__(self) -> None:
        super().__init__("no model is loaded yet; try again in a few seconds")


class ModelProfileNotFound(RequestError):
    """The loaded model has no profile."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"version {version} of {name} was registered without a profile")


class ModelCardNotFound(RequestError):
    """The loaded model has no card."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"version {version} of {name} was registered without a card")


class ModelFailed(RequestError):
    """The served model failed on a block group that keeps every rule."""

    def __init__(self, reason: str, path: str = "") -> None:
        """Refuse a block group.

        Args:
            reason: the cause, for the log only.
            path: path of the block group in the request; empty when there is only one.
        """
        subject = path or "this block group"
        super().__init__(f"the model failed on {subject}; other block groups are not affected")
        self.reason = reason

    @property
    def cause(self) -> str:
        """The cause of the failure."""
        return self.reason


class ExplanationNotAvailable(RequestError):
    """The price cannot be explained until the configuration or the model changes; the message says why."""


class ModelVersionNotFound(RequestError):
    """The registry has no such version of the model."""

    def __init__(self, model_name: str) -> None:
        super().__init__(f"the registry has no such version of {model_name}")


class ModelVersionRefused(RequestError):
    """Something on record speaks against a version; the message says what."""

    def __init__(self, objection: str) -> None:
        super().__init__(f"{objection}; set force to promote it nevertheless")


class NoEarlierChampion(RequestError):
    """No champion before the present one is on record."""

    def __init__(self) -> None:
        super().__init__("no champion before the present one is on record: promote a version instead")


class ChampionChanged(RequestError):
    """The champion is another version than the caller expects."""

    def __init__(self, champion: str) -> None:
        """Refuse a call.

        Args:
            champion: the champion's version; empty when there is none.
        """
        super().__init__(
            f"the champion is {f'version {champion}' if champion else 'not set'}: it was changed meanwhile"
        )


class ModelPinned(RequestError):
    """The service is configured to serve one version, which no alias names."""

    def __init__(self) -> None:
        super().__init__("the service is configured to serve one version by number: there is no champion to change")


class ModelRegistryUnavailable(RequestError):
    """The model registry cannot be read or written."""

    def __init__(self, reason: str) -> None:
        """Refuse a call.

        Args:
            reason: the cause, for the log only.
        """
        super().__init__("the model registry is not available; try again in a few seconds")
        self.reason = reason

    @property
    def cause(self) -> str:
        """The cause of the failure."""
        return self.reason
