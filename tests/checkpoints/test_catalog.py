"""The models inside the package."""

import pytest

from posterv2.checkpoints import catalog
from posterv2.errors import WeightsError


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
