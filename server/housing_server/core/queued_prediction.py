"""A request to Predict while it waits for its run, and the encoding of its answer."""

from housing_server.core.admission import Admitted
from housing_server.core.answers import Answers
from housing_server.core.callers import Caller
from housing_server.core.encoded_answers import EncodedAnswers
from housing_server.core.endpoints import Recipient


class Encoder:
    """Encodes answers as responses; used on the event loop only."""

    def __init__(self) -> None:
        self._answers: Answers | None = None
        self._encoded: EncodedAnswers

    def response(self, answers: Answers, position: int) -> bytes:
        """Return one of the answers of a run as an encoded PredictResponse."""
        if answers is not self._answers:  # the answers of a run are encoded one after the other
            self._answers, self._encoded = answers, EncodedAnswers(answers)
        return self._encoded.response(position)


class QueuedPrediction:
    """A row that waits for its run, admitted until it is answered, has failed or is cancelled."""

    __slots__ = ("_admitted", "_encoder", "_recipient", "abandoned", "caller", "row")

    def __init__(
        self, row: list[float], caller: Caller, admitted: Admitted, recipient: Recipient, encoder: Encoder
    ) -> None:
        self.row = row
        """The row."""
        self.caller = caller
        """Its origin."""
        self.abandoned = False
        """Whether it has ended."""
        self._admitted = admitted
        self._recipient = recipient
        self._encoder = encoder

    def answered(self, answers: Answers, position: int) -> None:
        """Pass the encoded answer on to the recipient."""
        self._end(None)
        self._recipient.answered(self._encoder.response(answers, position))

    def failed(self, error: Exception) -> None:
        """Pass an error on to the recipient."""
        self._end(error)
        self._recipient.failed(error)

    def cancel(self) -> None:
        """Drop the row, unless it has ended."""
        if not self.abandoned:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        self.abandoned = True
        self._admitted.end(error)
