"""KServe's model server and a scikit-learn Pipeline, without Kubernetes. MODEL is the Pipeline; see --help."""

# KServe is only in the peer's own environment, and has models loaded by a method of theirs.
# pylint: disable=import-error,attribute-defined-outside-init

import os
from functools import partialmethod
from typing import Any

import joblib
import kserve
from kserve.protocol.rest.multiprocess.server import RESTServerProcess
from kserve.utils.utils import get_predict_input, get_predict_response

_START_SECONDS = 60.0


class HousePrices(kserve.Model):
    """The model, written as KServe's own scikit-learn server is."""

    def load(self) -> bool:
        """Load the Pipeline; workers get a copy."""
        self._model = joblib.load(os.environ["MODEL"])
        self.ready = True
        return self.ready

    def predict(self, payload: kserve.InferRequest, *_headers: Any) -> kserve.InferResponse:
        """Handle a request of the Open Inference Protocol."""
        return get_predict_response(payload, self._model.predict(get_predict_input(payload)), self.name)


class LoopbackServer(kserve.ModelServer):
    """A server on the loopback address only: KServe has no option for the address."""

    async def _serve(self) -> None:
        server = self._rest_multiprocess_server or self
        server._rest_server.config.host = "127.0.0.1"  # pylint: disable=protected-access  # see above
        await super()._serve()


if __name__ == "__main__":
    # Workers that take over five seconds to import everything would be killed and restarted forever.
    RESTServerProcess.is_alive = partialmethod(RESTServerProcess.is_alive, timeout=_START_SECONDS)
    model = HousePrices("california-housing")
    model.load()
    LoopbackServer().start([model])
