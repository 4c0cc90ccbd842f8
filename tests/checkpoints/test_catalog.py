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
