"""What holds for all labels, boxes, headers and manifests, tried on those that hypothesis thinks of."""

import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posterv2.calibration import COVERAGES, Calibration
from posterv2.checkpoints.header import WeightsHeader
from posterv2.data.manifest import Entry, hash_of
from posterv2.errors import LabelsError, PosterError
from posterv2.inference.detection.detector import clipped, overlap
from posterv2.labels import LABEL_SETS, LabelSet, canonical, label_set, mapping
from posterv2.models.config import CONFIGS
from posterv2.preprocessing import Preprocessing

NAMES = st.lists(st.text(min_size=1).map(canonical).filter(bool), min_size=2, max_size=12, unique=True)
CORNERS = st.floats(-1e4, 1e4)
SIDES = st.integers(1, 5000)
BOXES = st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(1, 1e4), st.floats(1, 1e4))
ENTRIES = st.lists(
    st.builds(
        Entry, st.text(), st.sampled_from(LABEL_SETS["ferplus"].names), st.integers(0), st.text("0123456789abcdef")
    ),
    max_size=8,
    unique_by=lambda entry: entry.source,
)


@given(st.text())
def test_a_name_is_canonical_once_and_for_all(word: str):
    assert canonical(canonical(word)) == canonical(word)
    assert canonical(f" {word.upper()} ") == canonical(word.upper())


@given(NAMES)
def test_a_label_set_is_its_names_in_order(names: list[str]):
    labels = label_set(names)
    assert list(labels.names) == names
    assert [labels.index(name) for name in names] == list(range(len(names)))
    assert label_set(labels) is labels


@given(NAMES, st.randoms())
def test_mapping_joins_by_name_whatever_the_order(names: list[str], chance):
    shuffled = names.copy()
    chance.shuffle(shuffled)
    source, target = LabelSet("custom", tuple(names)), LabelSet("custom", tuple(shuffled))
    joined = mapping(source, target)
    assert {source.names[one]: target.names[other] for one, other in joined.items()} == {name: name for name in names}
    assert sorted(joined.values()) == list(range(len(names)))


@given(NAMES, st.text(min_size=1))
def test_mapping_refuses_what_only_one_side_has(names: list[str], other: str):
    assume(canonical(other) and canonical(other) not in names)
    source = LabelSet("custom", (*names, canonical(other)))
    with pytest.raises(LabelsError, match=re.escape(canonical(other))):
        mapping(source, LabelSet("custom", tuple(names)))
    assert len(mapping(source, LabelSet("custom", tuple(names)), unused=[canonical(other)])) == len(names)


@given(CORNERS, CORNERS, CORNERS, CORNERS, SIDES, SIDES)
def test_a_clipped_box_lies_in_the_picture(left: float, top: float, right: float, bottom: float, wide: int, high: int):
    x, y, width, height = clipped(left, top, right, bottom, wide, high)
    assert 0 <= x < x + width <= wide
    assert 0 <= y < y + height <= high
    assert clipped(x, y, x + width, y + height, wide, high) == (x, y, width, height)


@given(BOXES, BOXES)
def test_overlap_is_a_share_and_the_same_both_ways(one: tuple[float, ...], other: tuple[float, ...]):
    assert -1e-9 <= overlap(one, other) <= 1 + 1e-9
    assert overlap(one, other) == overlap(other, one)
    assert abs(overlap(one, one) - 1) < 1e-6


@given(
    st.text(),
    st.text(),
    st.dictionaries(st.text(), st.floats(-1e30, 1e30)),
    st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8),
    st.floats(0, 1),
    st.booleans(),
)
def test_a_header_survives_its_file(
    name: str, licence: str, metrics: dict[str, float], scale: list[float], quantile: float, exposure: bool
):
    header = WeightsHeader(
        name,
        CONFIGS["posterv2-nano"],
        LABEL_SETS["ferplus"],
        Preprocessing(size=48, exposure=exposure),
        metrics,
        licence,
        calibration=Calibration(tuple(scale), tuple(scale), (quantile,) * len(COVERAGES), name),
    )
    assert WeightsHeader.from_json(header.to_json()) == header


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)),
    st.data(),
)
def test_a_header_with_another_value_is_refused_or_read(value: object, data: st.DataObject):
    """Whatever stands in a field, it is a `PosterError` or a header, and nothing else."""
    header = WeightsHeader("test", CONFIGS["posterv2-nano"], LABEL_SETS["ferplus"], Preprocessing(size=48))
    values = json.loads(header.to_json())
    place = values
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    with suppress(PosterError):
        WeightsHeader.from_json(json.dumps(values))


@given(ENTRIES, st.randoms())
def test_a_manifests_hash_knows_its_pictures_and_no_order(entries: list[Entry], chance):
    shuffled = entries.copy()
    chance.shuffle(shuffled)
    assert hash_of(shuffled) == hash_of(entries)
    if entries:
        assert hash_of(entries[1:]) != hash_of(entries)
        assert hash_of([replace(entries[0], sha256=f"{entries[0].sha256}0"), *entries[1:]]) != hash_of(entries)
