"""The profile of the model that is served: where it is read from, and how it is answered."""

from dataclasses import replace
from pathlib import Path

import pytest
from google.rpc.code_pb2 import NOT_FOUND

from housing.profile import FILE, profile_to_json
from housing.v1.model_profile_pb2 import Distribution, ModelProfile
from housing_server.core.status import status_from_error
from housing_server.errors import ModelProfileNotFound, ModelRejected
from housing_server.model_store.files import read_profile
from serving_fakes import ListLog, Notes, make_core

PROFILE = ModelProfile(median_house_value=Distribution(name="median_house_value", edges=[1, 2], counts=[0, 9, 0]))


def test_profile_is_read_from_the_models_folder(tmp_path: Path) -> None:
    """It is where MLflow puts what training has kept with a model."""
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_text(profile_to_json(PROFILE))
    assert read_profile(tmp_path) == PROFILE


def test_a_folder_may_hold_no_profile(tmp_path: Path) -> None:
    """Models that were registered by hand have none."""
    assert read_profile(tmp_path) is None


def test_a_damaged_profile_is_refused(tmp_path: Path) -> None:
    """A model whose files are damaged is not served."""
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ModelRejected, match=r"profile\.json cannot be read"):
        read_profile(tmp_path)


async def test_profile_is_answered_with_its_version() -> None:
    """Whoever asks can tell which model it belongs to."""
    core = make_core(Notes(), ListLog())
    assert core.model is not None
    core.model = replace(core.model, profile=PROFILE)
    answer = core.get_model_profile()
    assert (answer.model_name, answer.model_version, answer.profile) == ("income", "7", PROFILE)


async def test_a_model_without_a_profile_is_answered_not_found() -> None:
    """The status says which model it is that has none."""
    with pytest.raises(ModelProfileNotFound) as caught:
        make_core(Notes(), ListLog()).get_model_profile()
    status = status_from_error(caught.value)
    assert (status.code, status.message) == (NOT_FOUND, "version 7 of income was registered without a profile")
