"""A result says what the issue promises, as JSON and in a notebook."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterv2.errors import PosterError
from posterv2.inference.results import Face, Quality, Result

FACE = Face((3, 4, 20, 21), 0.9, "happiness", 2 / 3, {"neutral": 1 / 3, "happiness": 2 / 3})


def test_json_values():
    result = Result("a photo.jpg", 40, 30, (FACE,), pixels=np.zeros((30, 40, 3), np.uint8))
    assert json.loads(json.dumps(result.to_dict())) == {
        "source": "a photo.jpg",
        "frame": 0,
        "time": None,
        "width": 40,
        "height": 30,
        "faces": [
            {
                "box": [3, 4, 20, 21],
                "score": 0.9,
                "expression": "happiness",
                "probability": 0.666667,
                "probabilities": {"neutral": 0.333333, "happiness": 0.666667},
                "landmarks": None,
                "quality": None,
                "track": None,
                "choices": None,
            }
        ],
    }


def test_no_face_is_an_empty_list():
    assert Result("x", 1, 1, ()).to_dict()["faces"] == []


def test_notebook_shows_the_picture_and_a_safe_table():
    html = Result("<script>.jpg", 40, 30, (FACE,), pixels=np.zeros((30, 40, 3), np.uint8))._repr_html_()
    assert "data:image/png;base64," in html
    assert "66.7%" in html
    assert "3, 4, 20, 21" in html
    assert "<script>" not in html


def test_notebook_shows_a_table_where_the_file_is_gone():
    html = Result("gone.jpg", 40, 30, (FACE,))._repr_html_()
    assert "<img" not in html
    assert "happiness" in html
    assert "no face" in Result("gone.jpg", 40, 30, ())._repr_html_()


def test_pixels_are_no_part_of_equality():
    assert Result("x", 1, 1, (), pixels=np.zeros((1, 1, 3), np.uint8)) == Result("x", 1, 1, ())


SHARES = st.floats(0, 1)
PLACES = st.floats(-1e4, 1e5)
WORDS = st.text(max_size=8)
QUALITIES = st.builds(
    Quality,
    size=st.integers(0, 10**5),
    sharpness=SHARES,
    roll=st.none() | st.floats(-180, 180),
    yaw=st.none() | st.floats(-90, 90),
    at_border=st.booleans(),
    notes=st.lists(st.sampled_from(["small", "blurred", "tilted", "turned", "cut off"])).map(tuple),
)
FACES = st.builds(
    Face,
    box=st.tuples(*[st.integers(-(10**5), 10**5)] * 4),
    score=SHARES,
    expression=WORDS,
    probability=SHARES,
    probabilities=st.dictionaries(WORDS, SHARES),
    landmarks=st.none() | st.tuples(*[st.tuples(PLACES, PLACES)] * 5),
    quality=st.none() | QUALITIES,
    track=st.none() | st.integers(0),
    choices=st.none() | st.lists(WORDS).map(tuple),
)
RESULTS = st.builds(
    Result,
    source=WORDS,
    width=st.integers(1),
    height=st.integers(1),
    faces=st.lists(FACES, max_size=3).map(tuple),
    frame=st.integers(0),
    time=st.none() | st.floats(0, 1e6),
)


@given(RESULTS)
def test_a_result_comes_back_from_its_json(result: Result):
    """As it was, save for the decimals that are not written: what came back is written as the same again."""
    values = result.to_dict()
    back = Result.from_dict(json.loads(json.dumps(values)))
    assert back.to_dict() == values
    assert back == Result.from_dict(back.to_dict())
    assert [face.quality for face in back.faces] == [face.quality for face in result.faces]


@given(RESULTS.filter(lambda result: result.faces), st.data())
def test_values_that_are_no_result_are_told(result: Result, data: st.DataObject):
    values = json.loads(json.dumps(result.to_dict()))
    part = data.draw(st.sampled_from([values, values["faces"][0]]))
    del part[data.draw(st.sampled_from(sorted(part)))]
    with pytest.raises(PosterError, match=r"^not a (result|face) as to_dict gives one: "):
        Result.from_dict(values)


@pytest.mark.parametrize("values", [None, [], {}, {"source": "x", "width": "wide"}, "faces"])
def test_another_shape_is_told(values: Any):
    for kind in (Result, Face):
        with pytest.raises(PosterError, match="as to_dict gives one"):
            kind.from_dict(values)
