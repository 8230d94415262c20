"""Asking a peer once, and holding its answer against the price that its model gives."""

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
"""Relative: some peers answer with a float32's digits."""


def ask_over_http(url: str, body: Any) -> Any:
    """Post JSON and return the JSON that is answered.

    Raises:
        BenchmarkError: there is no good answer.
    """
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310 - as below
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - an address of this machine's, made here
            return json.load(answer)
    except (URLError, OSError, ValueError) as error:
        raise BenchmarkError(f"it does not answer with JSON: {error}") from error


def ask_over_grpc(target: str, contract: Path, method: str, body: Any) -> Any:
    """Call a method, whose descriptors are in a file, with a request in JSON; return the answer as JSON.

    Raises:
        BenchmarkError: there is no good answer.
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
            raise BenchmarkError(f"it does not answer: {error}") from error


def check_price(answer: Any, price: float) -> None:
    """Find a price in an answer, whatever its form.

    Raises:
        BenchmarkError: it is not in there.
    """
    if not any(math.isclose(number, price, rel_tol=_TOLERANCE) for number in _numbers(answer)):
        raise BenchmarkError(f"its Pipeline says {price:,.2f}, but it answers {json.dumps(answer)}")


def _numbers(answer: Any) -> Iterator[float]:
    match answer:
        case dict():
            yield from _numbers(list(answer.values()))
        case list():
            for each in answer:
                yield from _numbers(each)
        case int() | float():
            yield answer
