"""The table of calls is the contract, and both clients are the table."""

import inspect

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from housing.services import SERVICES
from housing_client import AsyncPredictionClient, Deadlines, PredictionClient, calls
from housing_client.calls import Rpc, StreamCall

TABLE: dict[str, Rpc[Message, Message]] = {rpc.path: rpc for rpc in vars(calls).values() if isinstance(rpc, Rpc)}


def _contract() -> dict[str, MethodDescriptor]:
    services = (descriptor_pool.Default().FindServiceByName(name) for name in SERVICES)
    return {f"/{service.full_name}/{method.name}": method for service in services for method in service.methods}


def test_every_method_of_the_contract_is_in_the_table_once() -> None:
    """No path is misspelt, and no method was forgotten."""
    paths = [rpc.path for rpc in vars(calls).values() if isinstance(rpc, Rpc)]
    assert sorted(paths) == sorted(_contract())


@pytest.mark.parametrize("path", sorted(_contract()))
def test_messages_are_those_of_the_contract(path: str) -> None:
    """Each call decodes the message that its method answers with, and streams are streams."""
    method = _contract()[path]
    assert TABLE[path].response is message_factory.GetMessageClass(method.output_type)
    assert isinstance(TABLE[path], StreamCall) == method.client_streaming


@pytest.mark.parametrize("path", sorted(_contract()))
def test_deadlines_are_chosen_by_the_call(path: str) -> None:
    """Each has a default, which the caller's own replaces, and None is no limit."""
    rpc, unlimited = TABLE[path], Deadlines(predict=None, batch=None, stream=None, describe=None, log=None)
    assert (rpc.seconds(None, Deadlines()) or 0) > 0
    assert rpc.seconds(None, unlimited) is None
    assert rpc.seconds(0.0, Deadlines()) == 0.0


def _public(client: type) -> dict[str, dict[str, inspect.Parameter]]:
    methods = inspect.getmembers(client, inspect.isfunction)
    return {
        name: dict(inspect.signature(method).parameters)
        for name, method in methods
        if not name.startswith("_") or name == "__init__"
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    """In name, kind and default; types differ only where one is asynchronous."""
    different = {"channel", "block_groups"}
    twin = _public(AsyncPredictionClient)
    assert twin.keys() == _public(PredictionClient).keys()
    for name, parameters in _public(PredictionClient).items():
        assert list(twin[name]) == list(parameters)
        for key, parameter in parameters.items():
            other = twin[name][key]
            assert (other.kind, other.default) == (parameter.kind, parameter.default)
            assert other.annotation == parameter.annotation or key in different, (name, key)


@pytest.mark.parametrize("client", [PredictionClient, AsyncPredictionClient])
def test_every_public_method_is_documented(client: type) -> None:
    """Editors show signature and docstring, which no decorator hides."""
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(method), name
            assert inspect.signature(method).return_annotation is not inspect.Signature.empty, name
