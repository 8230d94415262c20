"""The card of the model that is served: where it is read from, and how it is answered."""

from dataclasses import replace
from pathlib import Path

import pytest
from google.rpc.code_pb2 import NOT_FOUND

from housing.card import FILE
from housing_server.core.status import status_from_error
from housing_server.errors import ModelCardNotFound, ModelRejected
from housing_server.model_store.files import read_card
from serving_fakes import ListLog, Notes, make_core

CARD = "# A card\n\nMünchhausen made it up.\n"


def test_card_is_read_from_the_models_folder(tmp_path: Path) -> None:
    """It is where MLflow puts what training has kept with a model."""
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(CARD, "utf-8")
    assert read_card(tmp_path) == CARD


def test_a_folder_may_hold_no_card(tmp_path: Path) -> None:
    """Models that were registered by hand have none."""
    assert read_card(tmp_path) is None


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    """A model whose files are damaged is not served."""
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(ModelRejected, match=r"card\.md cannot be read"):
        read_card(tmp_path)


async def test_card_is_answered_with_its_version() -> None:
    """Whoever asks can tell which model it belongs to."""
    core = make_core(Notes(), ListLog())
    assert core.model is not None
    core.model = replace(core.model, card=CARD)
    answer = core.get_model_card()
    assert (answer.model_name, answer.model_version, answer.markdown) == ("income", "7", CARD)


async def test_a_model_without_a_card_is_answered_not_found() -> None:
    """The status says which model it is that has none."""
    with pytest.raises(ModelCardNotFound) as caught:
        make_core(Notes(), ListLog()).get_model_card()
    status = status_from_error(caught.value)
    assert (status.code, status.message) == (NOT_FOUND, "version 7 of income was registered without a card")
