"""What reflection finds."""

import pytest
from google.protobuf.descriptor_pool import Default

from housing.v1.prediction_service_pb2 import DESCRIPTOR
from housing_server.grpc_transport.reflection import ReflectionPool, reflection_endpoints


@pytest.mark.parametrize(
    "symbol",
    [
        "housing.v1.PredictionService",
        "housing.v1.PredictionService.Predict",
        "housing.v1.PredictRequest",
        "housing.v1.PredictRequest.block_group",
    ],
)
def test_symbols_of_every_kind_are_found(symbol: str) -> None:
    """A method is found as well as its service, a message or a field."""
    assert ReflectionPool().FindFileContainingSymbol(symbol) is DESCRIPTOR


@pytest.mark.parametrize("symbol", ["housing.v1.PredictionService.Guess", "housing.v1.Guess", ""])
def test_unknown_symbol_is_a_key_error(symbol: str) -> None:
    """Which reflection answers with NOT_FOUND."""
    with pytest.raises(KeyError):
        ReflectionPool().FindFileContainingSymbol(symbol)


def test_newer_version_of_reflection_is_made_of_the_older() -> None:
    """GRPC's package brings none."""
    reflection_endpoints(())
    assert Default().FindMethodByName("grpc.reflection.v1.ServerReflection.ServerReflectionInfo")
