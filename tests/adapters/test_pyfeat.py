"""py-feat's shape, as its documentation has it; the module says where."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from posterv2.adapters.pyfeat import Detector, Detectorv1
from posterv2.errors import ImageError, MissingExtraError, UsageError
from tests.adapters.conftest import PHOTO

BOX = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
EMOTIONS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
COLUMNS = [*BOX, *EMOTIONS, "FrameHeight", "FrameWidth", "input", "frame"]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("L", (80, 60), 128).save(path)
    return path


def test_the_photo_in_their_shape(detector: Detector):
    fex = detector.detect(str(PHOTO), data_type="image")
    assert isinstance(fex, pd.DataFrame)
    assert list(fex.columns) == COLUMNS
    assert len(fex) == 1
    row = fex.iloc[0]
    assert row["input"] == str(PHOTO)
    assert (row["FrameHeight"], row["FrameWidth"], row["frame"]) == (512, 512, 0)
    assert 0 < row["FaceScore"] <= 1
    assert fex.emotions.sum(axis=1).iloc[0] == pytest.approx(1)
    assert fex.emotions.mean().idxmax() == "happiness"


def test_groups_of_columns_have_their_names_even_after_a_selection(detector: Detector):
    fex = detector.detect([PHOTO, PHOTO])
    chosen = fex.query("FaceScore > 0.5")
    assert list(chosen.faceboxes.columns) == BOX
    assert list(chosen.emotions.columns) == EMOTIONS
    assert chosen.inputs.tolist() == [str(PHOTO)] * 2
    assert chosen["frame"].tolist() == [0, 1]


def test_a_picture_without_a_face_keeps_its_row(detector: Detector, empty: Path):
    fex = detector.detect_image([empty, PHOTO], batch_size=2)
    assert fex["input"].tolist() == [str(empty), str(PHOTO)]
    row = fex.iloc[0]
    assert row["FaceScore"] == 0
    assert row[[*BOX[:4], *EMOTIONS]].isna().all()
    assert (row["FrameHeight"], row["FrameWidth"]) == (60, 80)
    assert fex.dtypes[BOX + EMOTIONS + ["FrameHeight", "FrameWidth"]].eq(np.float64).all()
    assert fex.dtypes["frame"] == np.int64


def test_the_threshold_drops_faces(detector: Detector):
    fex = detector.detect(PHOTO, face_detection_threshold=0.99999)
    assert fex["FaceScore"].tolist() == [0]


def test_refusals(detector: Detector, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="got 'video'"):
        detector.detect("clip.mp4", data_type="video")
    with pytest.raises(ImageError, match=r"no-such\.jpg"):
        detector.detect("no-such.jpg")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"posterv2\[pandas\]"):
        Detectorv1()
