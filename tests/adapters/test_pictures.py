"""Whatever those libraries take as a picture is the same picture here."""

import base64
import io

import cv2
import numpy as np
import pytest

from posterv2.adapters.pictures import rgb_of
from posterv2.errors import ImageError
from posterv2.preprocessing import read_image
from tests.adapters.conftest import PHOTO


def test_every_kind_of_picture_is_the_same():
    rgb = read_image(PHOTO)
    text = "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode()
    for picture in (PHOTO, str(PHOTO), text, io.BytesIO(PHOTO.read_bytes()), rgb[:, :, ::-1]):
        assert np.array_equal(rgb_of(picture), rgb)


def test_what_opencv_reads_is_understood_as_bgr():
    theirs = cv2.imread(str(PHOTO))
    assert theirs is not None
    assert np.abs(rgb_of(theirs).astype(int) - read_image(PHOTO)).mean() < 1  # two JPEG decoders differ by rounding


def test_grey_arrays_have_three_equal_channels():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(rgb_of(grey), np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ("https://example.com/a.jpg", "works offline"),
        ("no-such.jpg", "No such file"),
        ("data:image/png,abc", "must begin with"),
        ("data:image/png;base64,abc", "base64 picture is broken"),
        ("data:image/png;base64,YWJj", "base64 picture: not a picture"),
        (io.StringIO("text"), "opened in binary mode"),
        (None, "got NoneType"),
        (np.zeros((2, 2, 3), np.float32), "type float32"),
        (np.zeros((2, 2, 4), np.uint8), r"\(2, 2, 4\)"),
        (np.zeros((0, 2, 3), np.uint8), r"\(0, 2, 3\)"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(picture, words: str):
    with pytest.raises(ImageError, match=words):
        rgb_of(picture)
