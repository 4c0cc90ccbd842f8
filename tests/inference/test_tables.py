"""Results as a table: a row a face, typed columns, nothing lost where there is no face."""

import sys
from pathlib import Path

import pandas as pd
import pytest

import posterv2
from posterv2.errors import MissingExtraError, UsageError
from posterv2.inference.results import Face, Result

PHOTO = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
PLACE = ["source", "frame", "time"]
FACE = ["track", "x", "y", "width", "height", "score", "expression", "probability"]
SHARES = ["p_happiness", "p_sadness"]
WHOLE = ["track", "x", "y", "width", "height"]


def face(**more: object) -> Face:
    shares = {"happiness": 0.75, "sadness": 0.25}
    return Face((1, 2, 3, 4), 0.5, "happiness", 0.75, shares, **more)  # type: ignore[arg-type]


CLIP = [
    Result("clip.mp4", 60, 40, (face(track=7), face(track=8)), frame=3, time=0.1),
    Result("clip.mp4", 60, 40, (), frame=4, time=0.2),
]


def test_a_row_for_each_face_and_one_for_a_frame_without():
    table = posterv2.to_pandas(CLIP)
    assert list(table.columns) == PLACE + FACE + SHARES
    assert table.iloc[1].tolist() == ["clip.mp4", 3, 0.1, 8, 1, 2, 3, 4, 0.5, "happiness", 0.75, 0.75, 0.25]
    assert table["frame"].tolist() == [3, 3, 4]
    assert [table[column].isna().tolist() for column in FACE + SHARES] == [[False, False, True]] * 10


@pytest.mark.parametrize("results", [CLIP, CLIP[:1], CLIP[1:], []], ids=["both", "faces", "no face", "nothing"])
def test_columns_and_types_are_the_same_whatever_was_found(results: list[Result]):
    table = posterv2.to_pandas(iter(results), names=["happiness", "sadness"])
    assert list(table.columns) == PLACE + FACE + SHARES
    assert table.dtypes["frame"] == "int64"
    assert table.dtypes[["source", "expression"]].eq("string").all()
    assert table.dtypes[WHOLE].eq("Int64").all()
    assert table.dtypes[["time", "score", "probability", *SHARES]].eq("float64").all()


def test_the_photo():
    table = posterv2.load()(PHOTO).to_pandas()
    row = table.iloc[0]
    assert len(table) == 1
    assert (row["source"], row["frame"], row["expression"]) == (str(PHOTO), 0, "happiness")
    assert pd.isna(row["time"])
    assert pd.isna(row["track"])
    assert row[[name for name in table if name.startswith("p_")]].sum() == pytest.approx(1, abs=1e-5)


def test_two_networks_do_not_share_a_table():
    other = Result("b.jpg", 60, 40, (Face((1, 2, 3, 4), 0.5, "sadness", 1.0, {"sadness": 1.0}),))
    with pytest.raises(UsageError, match="'happiness'"):
        posterv2.to_pandas([*CLIP, other])
    assert posterv2.to_pandas([*CLIP, other], names=["sadness"])["p_sadness"].tolist()[::3] == [0.25, 1]


def test_without_pandas_the_answer_is_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"posterv2\[pandas\]"):
        CLIP[0].to_pandas()
