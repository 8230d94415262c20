"""The ways to ask the service."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTrials:
    """Makes trials of one running service."""

    service: Service
    """The service."""
    payloads: Payloads
    """The requests."""
    seconds: float
    """Time for one measurement."""

    def saturated(self, scenario: str, contestant: str = names.HOUSING) -> Trial:
        """Call Predict, as many calls at a time as keep every worker busy."""
        return self.trial(scenario, contestant, self.load("Predict", names.SATURATED).run)

    def one_at_a_time(self, scenario: str) -> Trial:
        """Call Predict, one call at a time."""
        return self.trial(scenario, names.HOUSING, self.load("Predict", 1).run)

    def over_http2(self, scenario: str, contestant: str) -> Trial:
        """Call Predict with the load generator that posts JSON: h2load costs less than ghz."""
        load = HttpLoad(
            url=f"http://127.0.0.1:{self.service.grpc_port}/{PREDICTION_SERVICE}/Predict",
            payload=self.payloads.framed(),
            in_flight=names.SATURATED,
            connections=CONNECTIONS,
            seconds=self.seconds,
        )
        return self.trial(scenario, contestant, load.run)

    def json_through(self, gateway: Gateway, scenario: str) -> Trial:
        """Post JSON to a gateway; the processor time is that of server and gateway together."""
        load = HttpLoad(
            url=f"http://127.0.0.1:{gateway.port}/api/predict",
            payload=self.payloads.body("gateway"),
            in_flight=names.SATURATED,
            seconds=self.seconds,
        )
        both = (self.service.server, gateway.server)
        return replace(self.trial(scenario, names.JSON, load.run), usage=lambda: usage_of(both))

    def trial(self, scenario: str, contestant: str, drive: Callable[[], Load], *, rows: int = 1) -> Trial:
        """Make a trial of the service from what drives it."""
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
        """Make a load of one method, so many calls at a time; of one row each, if the payload is left as it is."""
        return GrpcLoad(
            target=f"127.0.0.1:{self.service.grpc_port}",
            protoset=self.payloads.protoset,
            method=f"{PREDICTION_SERVICE}/{method}",
            payload=self.payloads.unary(),
            in_flight=in_flight,
            connections=min(in_flight, CONNECTIONS),
            seconds=self.seconds,
        )

    def batches(self, rows: int, in_flight: int = 1) -> GrpcLoad:
        """Make a load of batches of so many rows, so many at a time."""
        return replace(self.load("BatchPredict", in_flight), payload=self.payloads.batch(rows))
