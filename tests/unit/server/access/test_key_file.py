"""The file of keys, and the command that changes it."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from housing_server.access.key_file import change_keys, read_keys
from housing_server.access.keys import matches, parse
from housing_server.commands.keys import keys
from housing_server.errors import InvalidKeys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file of keys will be."""
    return tmp_path / "state/keys.json"


def run(path: Path, *arguments: str) -> Result:
    """Run `housing keys`."""
    return CliRunner().invoke(keys, [*arguments, "--file", str(path)])


def test_created_key_is_written_once_and_stored_as_a_digest(path: Path) -> None:
    """Standard output is the key alone; the file has its digest, and is readable by its owner only."""
    result = run(path, "create", "shop", "--role", "operate", "--expires", "90d", "--calls-per-second", "7")
    text = result.stdout.strip()
    key_id, secret = parse(text) or ("", "")
    (key,) = read_keys(path)
    assert (key.key_id, key.name, key.role, key.calls_per_second) == (key_id, "shop", "operate", 7)
    assert key.expires_at == key.created_at + 90 * 86_400
    assert matches(secret, key.digest)
    assert secret not in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir() if each.suffix != ".lock"] == ["keys.json"]


def test_keys_are_listed_and_revoked(path: Path) -> None:
    """By name or by id; a number is not used again, since counts of calls go by it."""
    first = run(path, "create", "shop", "--calls-per-day", "5000").stdout.split("_")[1]
    run(path, "create", "ops", "--role", "operate")
    listed = run(path, "list").output
    assert listed.splitlines() == [f"shop  {first}  predict  5,000 calls a day", listed.splitlines()[1]]
    assert run(path, "revoke", first).exit_code == 0
    assert run(path, "revoke", "ops").exit_code == 0
    assert run(path, "list").output == ""
    run(path, "create", "next")
    assert [key.number for key in read_keys(path)] == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "shop"), "there is a key named shop"),
        (("create", "a b"), "must be 1 to 64 letters"),
        (("create", "new", "--expires", "soon"), "a number of hours or days"),
        (("create", "new", "--role", "root"), "'root' is not one of"),
        (("revoke", "nobody"), "there is no such key"),
    ],
)
def test_mistakes_are_explained_and_change_nothing(path: Path, arguments: tuple[str, ...], message: str) -> None:
    """The command says what is wrong."""
    run(path, "create", "shop")
    before = path.read_text("utf-8")
    result = run(path, *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert path.read_text("utf-8") == before


def test_file_that_others_may_read_is_refused(path: Path) -> None:
    """The error says what to do."""
    run(path, "create", "shop")
    path.chmod(0o640)
    assert read_keys(path), "a group may read: so does a pod"
    path.chmod(0o644)
    with pytest.raises(InvalidKeys, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 1, "next": 0, "keys": {}}',
        '{"version": 1, "next": "0", "keys": []}',
        '{"version": 1, "next": 0, "keys": ["x"]}',
        '{"version": 2, "next": 0, "keys": []}',
        '{"version": 1, "next": 0, "keys": [{"secret": "x"}]}',
    ],
)
def test_malformed_file_is_refused_without_its_content(path: Path, content: str) -> None:
    """The error names the file, not what is in it."""
    path.parent.mkdir()
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(InvalidKeys) as refusal:
        read_keys(path)
    assert str(path) in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": "soon"},
        {"digest": "\u00e9" * 64},
        {"digest": None},
        {"calls_per_day": "9"},
        {"name": 3},
        {"role": []},
    ],
    ids=str,
)
def test_field_of_another_kind_is_refused(path: Path, change: dict[str, object]) -> None:
    """It would fail every call that is compared with it."""
    run(path, "create", "shop")
    content = json.loads(path.read_text("utf-8"))
    content["keys"][0] |= change
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InvalidKeys, match="malformed"):
        read_keys(path)


def test_unknown_role_is_refused(path: Path) -> None:
    """A file that was edited by hand grants nothing by mistake."""
    run(path, "create", "shop")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8"))).replace('"predict"', '"root"'), "utf-8")
    with pytest.raises(InvalidKeys, match="unknown role"):
        read_keys(path)


def test_changes_at_the_same_time_lose_nothing(path: Path) -> None:
    """Commands wait for each other."""
    run(path, "create", "shop")
    (key,) = read_keys(path)

    def add() -> None:
        for _ in range(10):
            change_keys(path, lambda known, number: [*known, replace(key, number=number)])

    threads = [Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.number for each in read_keys(path)] == list(range(31))
