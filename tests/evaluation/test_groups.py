"""Figures group by group, with the gap between groups and a word about those that are too small."""

from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import DatasetError
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.groups import by_attribute, read_attributes
from posterv2.evaluation.intervals import figures
from posterv2.labels import LABEL_SETS

LABELS = LABEL_SETS["rafdb"]
SOURCES = ("valid/a.png", "valid/b.png", "valid/c.png")


def right_on(shares: dict[str, float], each: int = 200) -> tuple[Answers, list[str]]:
    """Answers that are right on a share of each group's pictures."""
    generator = np.random.default_rng(0)
    values = [name for name in shares for _ in range(each)]
    targets = generator.integers(0, 7, len(values))
    right = np.concatenate([np.arange(each) < share * each for share in shares.values()])
    said = np.where(right, targets, (targets + 1) % 7)
    return Answers(LABELS, tuple(map(str, range(len(values)))), targets, np.eye(7)[said]), values


def test_each_group_has_its_figures_and_the_gap_its_interval() -> None:
    answers, values = right_on({"old": 0.6, "young": 0.9})
    attribute = by_attribute(answers, "age", values)
    assert [(group.name, group.samples, group.few) for group in attribute.groups] == [
        ("old", 200, False),
        ("young", 200, False),
    ]
    for group, share in zip(attribute.groups, (0.6, 0.9), strict=True):
        value, (low, high) = group.values["accuracy"]
        assert value == pytest.approx(share)
        assert low < share < high
        part = answers.subset(np.array(values) == group.name)
        assert group.values["macro_f1"][0] == figures(part).single["macro_f1"][0]
    gap, (low, high) = attribute.gaps["accuracy"]
    assert gap == pytest.approx(0.3)
    chance = 1.96 * (0.6 * 0.4 / 200 + 0.9 * 0.1 / 200) ** 0.5
    assert (low, high) == pytest.approx((0.3 - chance, 0.3 + chance), abs=0.02)
    assert attribute.between["accuracy"] == ("young", "old")


def test_small_groups_are_named_and_make_no_gap() -> None:
    answers, values = right_on({"a": 0.5, "b": 0.5})
    values[:29] = ["tiny"] * 29
    values[29:40] = [""] * 11
    attribute = by_attribute(answers, "place", values)
    assert [group.name for group in attribute.groups if group.few] == ["tiny"]
    assert attribute.unknown == 11
    assert "tiny" not in attribute.between["accuracy"]
    alone = by_attribute(answers, "place", ["one"] * 400)
    assert alone.gaps == {}


def test_numbers_are_no_groups() -> None:
    answers, values = right_on({"a": 0.5})
    with pytest.raises(DatasetError, match=r"'age' has 200 values, more than 50"):
        by_attribute(answers, "age", [str(number) for number in range(len(values))])


@pytest.mark.parametrize("names", [SOURCES, ("a.png", "b.png", "c.png")])
def test_pictures_are_told_by_name_or_file_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("\ufeffsource,age,light\n" + f"{names[2]},old,\n{names[0]},young,dim\nelsewhere.png,old,dim\n")
    assert read_attributes(path, SOURCES) == {"age": ["young", "", "old"], "light": ["dim", "", ""]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,age\na.png,old\n", "needs a head with 'source'"),
        ("source\na.png\n", "needs a head with 'source' and attributes"),
        ("source,age,age\na.png,1,2\n", "each once"),
        ("source,age\na.png,old\na.png,young\n", "tells 'a.png' twice"),
        ("source,age\nz.png,old\n", "tells nothing of the pictures"),
        ("", "needs a head"),
        ('source,age\n"a.png,old\n', "cannot be read"),
        ("source,age\n\udcff\n", "cannot be read"),
    ],
)
def test_a_csv_that_tells_nothing_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=says):
        read_attributes(path, SOURCES)
    with pytest.raises(DatasetError, match="No such file"):
        read_attributes(tmp_path / "gone.csv", SOURCES)
