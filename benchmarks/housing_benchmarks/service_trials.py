"""The ways to call the service."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from housing_benchmarks import names
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.h2load import HttpLoad
from housing_benchmarks.load import CONNECTIONS, Load
from housing_benchmarks.payloads import Payloads
from housing_benchmarks.processes import usage_of
from housing_benchmarks.service import Gateway, Service
from housing_benchmarks.trials import Trial

PREDICTION_SERVICE = "housing.v1.PredictionService"
EXPLANATION_SERVICE = "housing.v1.ExplanationService"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTrials:
    """Creates trials of one running service."""

    service: Service
    payloads: Payloads
    seconds: float
    """Time for one measurement."""

    def saturated(self, scenario: str, contestant: str = names.HOUSING) -> Trial:
        """Return a trial of Predict with enough concurrent calls to keep every worker busy."""
        return self.trial(scenario, contestant, self.load("Predict", names.SATURATED).run)

    def one_at_a_time(self, scenario: str) -> Trial:
        """Return a trial of Predict with one call at a time."""
        return self.trial(scenario, names.HOUSING, self.load("Predict", 1).run)

    def over_http2(self, scenario: str, contestant: str) -> Trial:
        """Return a trial of Predict with the load generator of the JSON trials: h2load costs less than ghz."""
        load = HttpLoad(
            url=f"http://127.0.0.1:{self.service.grpc_port}/{PREDICTION_SERVICE}/Predict",
            payload=self.payloads.framed(),
            in_flight=names.SATURATED,
            connections=CONNECTIONS,
            seconds=self.seconds,
        )
        return self.trial(scenario, contestant, load.run)

    def json_through(self, gateway: Gateway, scenario: str) -> Trial:
        """Return a trial of JSON through a gateway; processor time is that of server and gateway together."""
        both = (self.service.server, gateway.server)
        trial = self.trial(scenario, names.JSON, self._json(gateway.port).run)
        return replace(trial, usage=lambda: usage_of(both))

    def json_inside(self, scenario: str) -> Trial:
        """Return a trial of JSON without a gateway, which the transport inside Envoy serves itself."""
        assert self.service.json_port is not None  # noqa: S101 - of the other transport
        return self.trial(scenario, names.JSON_INSIDE, self._json(self.service.json_port).run)

    def _json(self, port: int) -> HttpLoad:
        return HttpLoad(
            url=f"http://127.0.0.1:{port}/api/predict",
            payload=self.payloads.body("gateway"),
            in_flight=names.SATURATED,
            seconds=self.seconds,
        )

    def trial(self, scenario: str, contestant: str, drive: Callable[[], Load], *, rows: int = 1) -> Trial:
        """Return a trial of the service with a load."""
        return Trial(
            scenario=scenario,
            contestant=contestant,
            drive=drive,
            usage=lambda: usage_of([self.service.server]),
            failed=self.service.failed_calls,
            finish=self.service.finish,
            rows=rows,
        )

    def load(self, method: str, in_flight: int) -> GrpcLoad:
        """Return a load of one method with `in_flight` concurrent calls, by default of one row each."""
        return GrpcLoad(
            target=f"127.0.0.1:{self.service.grpc_port}",
            protoset=self.payloads.protoset,
            method=f"{PREDICTION_SERVICE}/{method}",
            payload=self.payloads.unary(),
            in_flight=in_flight,
            connections=min(in_flight, CONNECTIONS),
            seconds=self.seconds,
        )

    def explanations(self) -> Trial:
        """Return a trial of Explain with one call at a time."""
        load = replace(
            self.load("Explain", 1), method=f"{EXPLANATION_SERVICE}/Explain", payload=self.payloads.explain()
        )
        return self.trial(names.EXPLAIN, names.HOUSING, load.run)

    def batches(self, rows: int, in_flight: int = 1) -> GrpcLoad:
        """Return a load of batches of `rows` rows, `in_flight` at a time."""
        return replace(self.load("BatchPredict", in_flight), payload=self.payloads.batch(rows))
