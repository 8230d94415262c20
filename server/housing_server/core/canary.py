"""A canary: a second model that answers a share of the calls, until its first failure.

Which calls is decided by a hash of the request id, so that a call that is repeated with its id gets the same version,
whichever worker it reaches; or by the caller, with metadata. A call that the canary fails on is answered by the served
model, as if there were no canary.
"""

import asyncio
from collections.abc import Callable
from hashlib import blake2b

from housing_server.core.answers import Answers
from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.coalescing import Answer, Coalescer, Waiting, WaitingFuture
from housing_server.core.model import LoadedModel, Rows
from housing_server.core.runs import Runs
from housing_server.errors import ModelFailed, PredictionLogUnavailable

_CHOICES = {"always": True, "never": False}
"""What callers may choose by metadata; other values count as none."""
_HASHES = float(1 << 64)


class Canary:
    """A loaded model with its share of the calls."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        model: LoadedModel,
        share: float,
        runs: Runs,
        *,
        inline: bool,
        arrivals: Arrivals,
        on_failure: Callable[[str, int], object],
    ) -> None:
        """Start without calls.

        Args:
            model: the canary.
            share: its share of the calls, from 0 to 1.
            runs: runs it, without counting failures, since the served model answers then.
            inline: whether it may run on the event loop, if it is inline itself.
            arrivals: the calls that are about to bring rows, whichever model they will be for.
            on_failure: called, from any thread, with the cause, when it has failed on so many rows that the served
                model has answered.
        """
        self.model = model
        """The model."""
        self.inline = inline and model.predictor.inline
        """Whether a few rows may run on the event loop."""
        self._share = share
        self._key = f"{model.description.version}/"
        self._runs = runs
        self._coalescer = Coalescer(lambda: model.predictor, runs.answer, inline=inline, arrivals=arrivals)
        self._on_failure = on_failure

    def takes(self, caller: Caller, number: int = 0) -> bool:
        """Return whether a call, or the message of a stream with this number, is for the canary."""
        choice = _CHOICES.get(caller.canary) if caller.canary is not None else None
        if choice is None:
            # Keyed by the version, or the same few callers that reuse an id would get every canary.
            text = f"{self._key}{caller.request_id}/{number}"
            choice = int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) < self._share * _HASHES
        return choice

    def queue(self, waiting: Waiting, otherwise: Callable[[Waiting], object]) -> None:
        """Queue a row for the canary's next run, and otherwise, if the canary fails on it."""
        self._coalescer.queue(_WaitingHere(waiting, otherwise, self.failed))

    def submit(
        self, row: list[float], caller: Caller, otherwise: Callable[[Waiting], object]
    ) -> "asyncio.Future[Answer]":
        """Queue a row likewise, and return its future."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.queue(WaitingFuture(row, caller, future), otherwise)
        return future

    def answer_all(self, rows: Rows, caller: Caller) -> Answers | Exception:
        """Answer the rows of a batch, from any thread, or return why the canary has failed; nothing is on record then.

        Raises:
            PredictionLogUnavailable: the answers cannot be recorded.
        """
        try:
            answers, failures = self._runs.answer(self.model.predictor, rows, [caller], whole=True)
        except PredictionLogUnavailable:
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught  # likewise
            return error
        if failures or answers is None:
            return next(iter(failures.values()), ModelFailed("no answers"))
        return answers

    def failed(self, error: Exception, rows: int) -> None:
        """Report that it has failed on rows that the served model has answered; from any thread."""
        self._on_failure(error.reason if isinstance(error, ModelFailed) else repr(error), rows)


class _Waiting:
    """Another's row, while it waits here."""

    __slots__ = ("_waiting", "caller", "row")

    def __init__(self, waiting: Waiting) -> None:
        self.row = waiting.row
        self.caller = waiting.caller
        self._waiting = waiting

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._waiting.abandoned


class _WaitingHere(_Waiting):
    """A row that waits for the canary."""

    __slots__ = ("_blame", "_otherwise")

    def __init__(
        self, waiting: Waiting, otherwise: Callable[[Waiting], object], blame: Callable[[Exception, int], object]
    ) -> None:
        super().__init__(waiting)
        self._otherwise = otherwise
        self._blame = blame

    def answered(self, answers: Answers, position: int) -> None:
        """Pass the answer on."""
        self._waiting.answered(answers, position)

    def failed(self, error: Exception) -> None:
        """Queue the row otherwise, unless no answer could be recorded."""
        if isinstance(error, PredictionLogUnavailable):
            self._waiting.failed(error)
        else:
            self._otherwise(_WaitingElsewhere(self._waiting, error, self._blame))


class _WaitingElsewhere(_Waiting):
    """A row that waits for the served model, since the canary has failed on it."""

    __slots__ = ("_blame", "_error")

    def __init__(self, waiting: Waiting, error: Exception, blame: Callable[[Exception, int], object]) -> None:
        super().__init__(waiting)
        self._error = error
        self._blame = blame

    def answered(self, answers: Answers, position: int) -> None:
        """Pass the answer on, which the canary should have known."""
        self._waiting.answered(answers, position)
        self._blame(self._error, 1)

    def failed(self, error: Exception) -> None:
        """Pass the error on: no model has an answer to this row."""
        self._waiting.failed(error)


class CanarySlot:
    """Where a worker keeps its canary; used on the event loop only."""

    def __init__(
        self, load: Callable[[str], LoadedModel], serve: Callable[[LoadedModel | None, float, str], object]
    ) -> None:
        """Start without a canary.

        Args:
            load: loads a fetched model from its folder, on a thread; raises ModelRejected when it cannot be served.
            serve: lets a model answer a share of the calls, given its folder too; or none if it is None.
        """
        self.folder = ""
        """The fetched model that is, or is to be, the canary; empty without one."""
        self._load = load
        self._serve = serve
        self._loaded: tuple[str, LoadedModel] | None = None

    async def set(self, folder: str, share: float) -> LoadedModel | None:
        """Let a fetched model answer a share of the calls; load it first unless it is the canary already.

        Returns:
            The model; None if another canary was set, or this one dropped, before it was loaded.

        Raises:
            ModelRejected: it cannot be served; there is no canary then.
        """
        if self._loaded is None or self._loaded[0] != folder:
            self.drop()
            self.folder = folder
            model = await asyncio.to_thread(self._load, folder)
            if self.folder != folder:
                return None
            self._loaded = folder, model
        self._serve(self._loaded[1], share, folder)
        return self._loaded[1]

    def drop(self) -> None:
        """Let no canary answer any more; calls in flight finish with it."""
        self.folder = ""
        self._loaded = None
        self._serve(None, 0, "")
