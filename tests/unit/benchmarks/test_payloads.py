"""The requests that are sent."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from google.protobuf import proto

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.payloads import STREAM_MESSAGES, Payloads, read_block_groups
from housing_benchmarks.peers import PEERS, Peer

BLOCK_GROUPS = [message_from_mapping(BERKELEY), message_from_mapping({**BERKELEY, "median_income": 1.5})]


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    """Requests made of two rows."""
    return Payloads(folder=tmp_path, block_groups=BLOCK_GROUPS)


def test_batch_repeats_the_rows(payloads: Payloads) -> None:
    """A batch larger than the table goes through it again."""
    request = BatchPredictRequest.FromString(payloads.batch(5).read_bytes())
    assert list(request.block_groups) == [*BLOCK_GROUPS, *BLOCK_GROUPS, BLOCK_GROUPS[0]]
    assert payloads.rows(5).shape == (5, 9)


def test_stream_is_messages_behind_their_lengths(payloads: Payloads) -> None:
    """Which is how ghz reads them."""
    stream, messages = BytesIO(payloads.stream().read_bytes()), []
    while (message := proto.parse_length_prefixed(StreamPredictRequest, stream)) is not None:
        messages.append(message)
    assert len(messages) == STREAM_MESSAGES
    assert messages[1].block_group == BLOCK_GROUPS[1]


def test_frame_is_that_of_grpc(payloads: Payloads) -> None:
    """A byte that says uncompressed, four of the length, the message."""
    frame = payloads.framed().read_bytes()
    assert frame[:5] == b"\0" + len(frame[5:]).to_bytes(4, "big")
    assert PredictRequest.FromString(frame[5:]).block_group == BLOCK_GROUPS[0]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_are_asked_about_the_same_row(payloads: Payloads, peer: Peer) -> None:
    """However a peer spells it, its request has every number of the row."""
    text = payloads.body(peer.folder, peer.body).read_text("utf-8")
    assert json.loads(text)
    assert all(json.dumps(value) in text for value in BERKELEY.values() if isinstance(value, float))


def test_missing_table_says_what_to_do(tmp_path: Path) -> None:
    """Without prepared data there is one line that says how to get it."""
    with pytest.raises(BenchmarkError, match="housing train"):
        read_block_groups(tmp_path / "test.parquet")
