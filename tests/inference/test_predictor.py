"""Whatever a picture comes as, the same faces; and lists share batches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import posterv2
from posterv2.errors import ImageError
from posterv2.inference.detection.detector import Detection
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.predictor import Predictor
from posterv2.preprocessing import Box, Landmarks
from tests.tiny_graph import BLUE, GREY, LABELS, RED, plain, tiny_header, write_tiny_graph


class Halves:
    """Finds a face in the left and one in the right half of every picture that is wider than high."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        height, width = image.shape[:2]
        boxes: Sequence[Box] = [(0, 0, width // 2, height), (width // 2, 0, width // 2, height)]
        return [Detection(box, 0.75) for box in boxes] if width > height else []


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(OnnxClassifier(write_tiny_graph(tmp_path / "tiny.onnx")), Halves())


TWO = np.concatenate([plain(RED), plain(BLUE)], axis=1)


def test_one_picture(predictor: Predictor):
    result = predictor(TWO)
    assert (result.width, result.height, result.source) == (120, 60, "picture")
    assert [face.expression for face in result.faces] == ["happiness", "sadness"]
    assert [face.box for face in result.faces] == [(0, 0, 60, 60), (60, 0, 60, 60)]
    face = result.faces[0]
    assert face.score == 0.75
    assert tuple(face.probabilities) == LABELS.names == predictor.labels.names
    assert face.probability == face.probabilities["happiness"] == max(face.probabilities.values())


def test_every_kind_of_source_gives_the_same(predictor: Predictor, tmp_path: Path):
    path = tmp_path / "two.png"
    Image.fromarray(TWO).save(path)
    faces = predictor(TWO).faces
    for source in (path, str(path), Image.fromarray(TWO), Image.fromarray(TWO).convert("RGBA"), Image.open(path)):
        assert predictor(source).faces == faces
    assert predictor(path).source == predictor(Image.open(path)).source == str(path)


def test_lists_keep_their_order_and_share_batches(predictor: Predictor, monkeypatch: pytest.MonkeyPatch):
    sizes = []
    run = predictor.classifier.logits
    monkeypatch.setattr(predictor.classifier, "logits", lambda inputs: sizes.append(len(inputs)) or run(inputs))
    results = predictor([TWO, plain(GREY), TWO[:, ::-1]])
    assert [[face.expression for face in result.faces] for result in results] == [
        ["happiness", "sadness"],
        [],
        ["sadness", "happiness"],
    ]
    assert sizes == [4]
    assert predictor([]) == []


def test_aligned_takes_the_whole_picture(predictor: Predictor):
    [face] = predictor(plain(RED, 30, 50), aligned=True).faces
    assert (face.box, face.score, face.expression) == ((0, 0, 30, 50), 1.0, "happiness")


def test_margin_of_the_weights_is_used(tmp_path: Path):
    class Middle:
        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection((50, 50, 20, 20), 1.0)]

    picture = plain(BLUE, 120, 120)
    picture[50:70, 50:70] = RED
    answers = []
    for margin in (0.0, 2.0):
        metadata = {"posterv2": tiny_header(margin).to_json()}
        classifier = OnnxClassifier(write_tiny_graph(tmp_path / f"{margin}.onnx", metadata))
        answers.append(Predictor(classifier, Middle())(picture).faces[0].expression)
    assert answers == ["happiness", "sadness"]


def test_landmarks_frame_the_crop(tmp_path: Path):
    """A red middle in blue: the smaller square that landmarks ask for holds more of the red."""
    level = ((55.0, 57.0), (65.0, 57.0), (60.0, 61.0), (56.0, 65.0), (64.0, 65.0))

    class Middle:
        def __init__(self, landmarks: Landmarks | None) -> None:
            self.landmarks = landmarks

        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection((50, 50, 20, 20), 1.0, self.landmarks)]

    picture = plain(BLUE, 120, 120)
    picture[54:67, 54:67] = RED
    classifier = OnnxClassifier(write_tiny_graph(tmp_path / "tiny.onnx"))
    faces = [Predictor(classifier, Middle(landmarks))(picture).faces[0] for landmarks in (None, level)]
    boxed, framed = (face.probabilities for face in faces)
    assert framed["happiness"] > boxed["happiness"]
    assert framed["sadness"] < boxed["sadness"]
    assert [face.landmarks for face in faces] == [None, level]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures(predictor: Predictor, array: np.ndarray):
    with pytest.raises(ImageError, match="RGB of shape") as caught:
        predictor(array)
    assert str(array.shape) in str(caught.value)


def test_other_things_that_are_no_pictures(predictor: Predictor, tmp_path: Path):
    with pytest.raises(ImageError, match="got int"):
        predictor(3)  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(ImageError, match=r"nothere\.jpg"):
        predictor([TWO, "nothere.jpg"])
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:5000])
    with Image.open(tmp_path / "cut.png") as cut, pytest.raises(ImageError, match=r"cut\.png: the picture is broken"):
        predictor(cut)


def test_load_puts_it_together(tmp_path: Path):
    predictor = posterv2.load(write_tiny_graph(tmp_path / "tiny.onnx", scale=100))
    [face] = predictor(Path(__file__).parents[2] / "samples" / "astronaut.jpg").faces
    assert face.expression == "happiness"  # skin is more red than blue
