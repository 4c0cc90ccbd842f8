"""The models inside the package, and published files that a user has put into a folder."""

from pathlib import Path

import pytest

from posterv2.checkpoints import catalog
from posterv2.errors import WeightsError
from posterv2.labels import LABEL_SETS


def test_unknown_names_show_the_list():
    with pytest.raises(WeightsError, match=r"'posterv9'.*posterv2-nano.*path of a file"):
        catalog.embedded("posterv9", ".onnx")


def test_missing_file_says_so():
    with pytest.raises(WeightsError, match=r"lacks posterv2-nano\.pkl"):
        catalog.embedded(catalog.DEFAULT, ".pkl")


def test_a_name_or_a_file(tmp_path):
    (tmp_path / "x.pth").touch()
    assert catalog.located(tmp_path / "x.pth", ".onnx") == tmp_path / "x.pth"
    with pytest.raises(WeightsError, match=r"lacks posterv2-nano\.pkl"):
        catalog.located(catalog.DEFAULT, ".pkl")


@pytest.mark.parametrize("name", ["x" * 5000, "x\0y", "", "nothing.pth"])
def test_what_is_neither_is_named_shortly(name):
    with pytest.raises(WeightsError, match="no embedded model and no file '") as refusal:
        catalog.located(name, ".onnx")
    assert len(str(refusal.value)) < 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of added files, which is named in the environment; there is nothing in it."""
    place = tmp_path / "models"
    place.mkdir()
    monkeypatch.setenv(catalog.FOLDER, str(place))
    monkeypatch.chdir(tmp_path)
    return place


def test_a_published_file_is_found_by_its_name(folder):
    file = folder / "raf-db-model_best.pth"
    file.touch()
    assert catalog.located("rafdb", ".onnx") == file
    ours = folder / "rafdb.safetensors"
    ours.touch()
    assert catalog.located("rafdb", ".onnx") == ours, "it carries its labels"
    assert catalog.digest("rafdb") == "e3b0c44298fc1c14"  # of no bytes at all


def test_a_file_goes_before_a_name_and_a_data_set_does_not(folder):
    added = folder / "rafdb.safetensors"
    added.touch()
    Path("rafdb").mkdir()  # the data set
    assert catalog.located("rafdb", ".onnx") == added
    Path("rafdb").rmdir()
    Path("rafdb").touch()
    assert catalog.located("rafdb", ".onnx") == Path("rafdb")


def test_what_was_not_added_says_where_it_is(folder, monkeypatch):
    page = r"raf-db-model_best\.pth from https://github\.com/.+#checkpoints"
    with pytest.raises(WeightsError, match=r"neither rafdb\.safetensors nor raf-db-model_best\.pth in it: get " + page):
        catalog.located("rafdb", ".onnx")
    monkeypatch.delenv(catalog.FOLDER)
    with pytest.raises(WeightsError, match=f"does not bring rafdb: get {page}, and give its path.*{catalog.FOLDER}"):
        catalog.located("rafdb", ".onnx")


@pytest.mark.parametrize("name", ["ir50", "secret", "../secret", "secret.pth", "rafdb/../secret"])
def test_only_names_of_whole_networks_lead_into_the_folder(folder, name):
    for file in ("ir50.pth", "secret", "secret.pth", "secret.safetensors", "../secret.safetensors"):
        (folder / file).touch()
    with pytest.raises(WeightsError, match="no embedded model and no file"):
        catalog.located(name, ".onnx")


def test_no_name_leads_out_of_a_folder(tmp_path):
    with pytest.raises(KeyError):
        catalog.added("../rafdb", tmp_path)


def test_the_catalogue_says_what_the_labels_of_each_checkpoint_are():
    for name, entry in catalog.ADDABLE.items():
        assert (entry.kind == "checkpoint") == (entry.accuracy is not None) == (entry.labels in LABEL_SETS), name
        assert Path(entry.file).name == entry.file
