"""A single call to a peer, and the comparison of its answer with its model's price."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from housing_benchmarks.errors import BenchmarkError

_SECONDS = 30.0
_TOLERANCE = 1e-5
"""Relative: some peers return float32 precision."""


def ask_over_http(url: str, body: Any) -> Any:
    """Post JSON and return the JSON response.

    Raises:
        BenchmarkError: the request fails, or the response is not JSON.
    """
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310 - as below
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - a loopback address, made here
            return json.load(answer)
    except (URLError, OSError, ValueError) as error:
        raise BenchmarkError(f"it does not respond with JSON: {error}") from error


def ask_over_grpc(target: str, contract: Path, method: str, body: Any) -> Any:
    """Call a method, described by a file of descriptors, with a request in JSON; return the response as JSON.

    Raises:
        BenchmarkError: the call fails.
    """
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(contract.read_bytes()).file:
        pool.Add(file)
    descriptor = pool.FindMethodByName(method.replace("/", "."))
    request = json_format.ParseDict(body, GetMessageClass(descriptor.input_type)())
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(
            f"/{method}", type(request).SerializeToString, GetMessageClass(descriptor.output_type).FromString
        )
        try:
            return json_format.MessageToDict(call(request, timeout=_SECONDS))
        except grpc.RpcError as error:
            raise BenchmarkError(f"the call failed: {error}") from error


def check_price(answer: Any, price: float) -> None:
    """Check that an answer, in any form, contains a price.

    Raises:
        BenchmarkError: it does not.
    """
    if not any(math.isclose(number, price, rel_tol=_TOLERANCE) for number in _numbers(answer)):
        raise BenchmarkError(f"its Pipeline predicts {price:,.2f}, but it answers {json.dumps(answer)}")


def _numbers(answer: Any) -> Iterator[float]:
    match answer:
        case dict():
            yield from _numbers(list(answer.values()))
        case list():
            for each in answer:
                yield from _numbers(each)
        case int() | float():
            yield answer
