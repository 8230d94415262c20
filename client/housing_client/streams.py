"""A stream of the synchronous client, which may span several calls."""

import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import grpc

from housing.v1.prediction_service_pb2 import StreamPredictRequest
from housing_client.credentials import Metadata
from housing_client.errors import HousingError
from housing_client.request_ids import with_request_id
from housing_client.results import Prediction
from housing_client.unanswered import Unanswered

if TYPE_CHECKING:
    from housing.v1.prediction_service_pb2 import StreamPredictResponse

    Method = grpc.StreamStreamMultiCallable[StreamPredictRequest, StreamPredictResponse]


class Stream:
    """Sends requests and receives their answers; a call that loses its connection is reopened.

    The new call begins at the first unanswered request, so that every request gets one answer.
    """

    def __init__(self, method: "Method", unanswered: Unanswered, metadata: Metadata = ()) -> None:
        self._method = method
        self._metadata = with_request_id(metadata)
        self._unanswered = unanswered
        self._open()

    def send(self, request: StreamPredictRequest) -> None:
        """Send a request, without waiting."""
        self._unanswered.requests.append(request)
        self._outbox.put(request)

    def end(self) -> None:
        """Signal the end of the requests."""
        self._unanswered.is_complete = True
        self._outbox.put(None)

    def receive(self) -> Prediction | HousingError:
        """Wait for the answer to the oldest request.

        Raises:
            HousingError: the call failed, and retrying would not help.
        """
        while True:
            try:
                response = next(self._call, None)
            except grpc.RpcError as error:
                time.sleep(self._unanswered.pause_after(error))
                self.close()
                self._open()
            else:
                return self._unanswered.outcome(response)

    def close(self) -> None:
        """Cancel the call."""
        self._call.cancel()  # first: otherwise the service would see the end of the requests, and a complete stream
        self._outbox.put(None)  # releases gRPC's thread, which waits for the next request

    def _open(self) -> None:
        self._outbox: SimpleQueue[StreamPredictRequest | None] = SimpleQueue()
        for request in self._unanswered.requests:
            self._outbox.put(request)
        if self._unanswered.is_complete:
            self._outbox.put(None)
        self._call = self._method(
            iter(self._outbox.get, None), timeout=self._unanswered.seconds_left(), metadata=self._metadata
        )
