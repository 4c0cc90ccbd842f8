"""A result says what the issue promises, as JSON and in a notebook."""

import json

import numpy as np

from posterv2.inference.results import Face, Result

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
