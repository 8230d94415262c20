"""What the gateway makes of bodies and queries: which it reads, and what it says of the others."""

import gzip
import json

import pytest

from fronts import ROW, Front, reason
from housing_server.limits import MAX_BODY_BYTES


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
        "json",
    ],
)
def test_other_content_types_are_415(kind: str, front: Front) -> None:
    """A body that is not said to be JSON is not read as JSON."""
    answer = front.http.post("/api/predict", content=json.dumps(ROW), headers={"content-type": kind})
    assert reason(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=utf-8",
        "application/a+json",
    ],
)
def test_json_content_types_are_read(kind: str | None, front: Front) -> None:
    """JSON is JSON however it is spelt, or when nothing is said."""
    headers = {} if kind is None else {"content-type": kind}
    assert front.http.post("/api/predict", content=json.dumps(ROW), headers=headers).status_code == 200


def test_compressed_bodies_are_read_up_to_the_limit(front: Front) -> None:
    """A gzip body is inflated, whose true size counts; other encodings are 415."""
    url, headers = "/api/predict/batch", {"content-encoding": "gzip", "content-type": "application/json"}
    batch = json.dumps({"block_groups": [ROW] * 10_000}).encode()
    answer = front.http.post(url, content=gzip.compress(batch), headers=headers)
    assert len(answer.raise_for_status().json()["predictions"]) == 10_000
    bomb = gzip.compress(b" " * (MAX_BODY_BYTES * 4))
    assert len(bomb) < MAX_BODY_BYTES / 100
    too_large = front.http.post(url, content=bomb, headers=headers)
    assert reason(too_large) == (413, "BODY_TOO_LARGE")
    assert "over 8 MiB: send several smaller batches" in too_large.json()["message"]
    other = front.http.post(url, content=batch, headers=headers | {"content-encoding": "br"})
    assert reason(other) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert other.headers["accept-encoding"] == "gzip"


def test_json_answers_are_compressed_for_who_accepts_it(front: Front) -> None:
    """Large JSON answers are compressed on demand."""
    batch = {"block_groups": [ROW] * 1000}
    packed = front.http.post("/api/predict/batch", json=batch, headers={"accept-encoding": "gzip"})
    plain = front.http.post("/api/predict/batch", json=batch, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert "accept-encoding" in packed.headers["vary"].lower()


@pytest.mark.parametrize("query", ["%ff", "%00", "%", "%zz", "%c0%80", "%ed%a0%80", "%f5%80%80%80", "a%e9b"])
def test_query_that_is_no_text_is_refused_in_words(query: str, front: Front) -> None:
    """Bytes that are no UTF-8, NUL and broken escapes never reach the server."""
    for path in (f"/api/logs/predictions?model_version={query}", f"/api/logs/predictions/{query}"):
        status, body = front.get(path)
        assert status == 400
        assert json.loads(body)["details"][0]["reason"] == "INVALID_REQUEST"


def test_unknown_query_parameter_is_named(front: Front) -> None:
    """The name of a parameter that does not exist is repeated, if it is no more than a name."""
    answer = front.http.get("/api/model", params={"colour": "red"})
    assert reason(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["message"] == "the query parameter colour is not known"
    assert "<" not in front.http.get("/api/model", params={"<script>": "1"}).text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"longitude": "east"}, "longitude"),
        ({"longitude": {"degrees": 1}}, "longitude"),
    ],
)
def test_paths_of_fields_are_those_of_the_body(body: dict[str, object], path: str, front: Front) -> None:
    """The body of /api/predict is the block group: the paths begin below it."""
    answer = front.http.post("/api/predict", json=ROW | body)
    assert answer.json()["details"][0]["field_violations"][0]["field"] == path
    assert answer.json()["message"].startswith(f"{path}: ")
