"""Classes that only one side knows, pictures as shipped, and permuted names on real predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from posterv2.checkpoints.catalog import embedded
from posterv2.checkpoints.rewriting import with_header
from posterv2.cli import app
from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.errors import LabelsError
from posterv2.evaluation.answering import match
from posterv2.evaluation.evaluate import evaluate
from posterv2.inference.detection.detector import Detection
from posterv2.inference.engines.choice import open_classifier
from posterv2.labels import LABEL_SETS, LabelSet
from tests.evaluation.test_evaluate import Remembers

FERPLUS = Path(__file__).parents[3] / "shared" / "data" / "ferplus.zip"


def test_strangers_are_refused_unless_told_otherwise(face_folders: Path) -> None:
    split = open_split(face_folders)
    with pytest.raises(LabelsError, match="contempt"):
        match(split, LABEL_SETS["rafdb"])
    with pytest.raises(LabelsError, match="no class in common"):
        match(split, LabelSet("custom", ("bored", "tired")), "ignore")


def test_faces_of_a_class_that_the_weights_lack_are_left_out_or_counted(face_folders: Path) -> None:
    split = open_split(face_folders)
    classifier = Remembers(split, LABEL_SETS["rafdb"], lambda name: "neutral" if name == "contempt" else name)
    ignored = evaluate(classifier, split, strangers="ignore")
    assert (len(ignored.answers), ignored.to_dict()["accuracy"]) == (7, 1.0)
    assert "the weights do not know contempt: its 1 faces are left out" in ignored.notes()
    counted = evaluate(classifier, split, strangers="count")
    assert (len(counted.answers), counted.to_dict()["accuracy"]) == (8, 7 / 8)
    assert counted.to_dict()["per_class"]["contempt"]["recall"] == 0
    assert "the weights do not know contempt: its 1 faces are counted as wrong" in counted.notes()


def test_answers_that_the_data_do_not_know_are_not_given_or_wrong(face_folders: Path) -> None:
    split = open_split(face_folders)
    split = split.subset(split.targets != split.labels.index("contempt"))
    classifier = Remembers(split, LABEL_SETS["ferplus"], lambda name: "contempt" if name == "fear" else name)
    for strangers, right in (("refuse", 6 / 7), ("count", 6 / 7)):
        assert evaluate(classifier, split, strangers=strangers).to_dict()["accuracy"] == right  # pyright: ignore[reportArgumentType]
    ignored = evaluate(classifier, split, strangers="ignore")
    assert "contempt" not in ignored.labels.names
    assert ignored.answers.probabilities.sum(axis=1) == pytest.approx(np.ones(7))
    assert "there are no faces of contempt: never given as an answer" in ignored.notes()


class Finds:
    """Finds a face in all pictures but one, a small box beside it."""

    def __init__(self, missed: int) -> None:
        self.missed, self.seen = missed, 0

    def detect(self, image: np.ndarray) -> Sequence[Detection]:
        self.seen += 1
        height, width = image.shape[:2]
        if self.seen - 1 == self.missed:
            return []
        return [Detection((0, 0, 5, 5), 0.9), Detection((0, 0, width, height), 0.8)]


class Lenient(Remembers):
    """Takes a face that it does not know for neutral."""

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        answers = [self._answers.get(face.tobytes(), self.header.labels.index("neutral")) for face in pixels]
        return np.eye(len(self.header.labels), dtype=np.float32)[answers]


def test_as_shipped_the_largest_face_counts_and_a_missed_one_is_wrong(face_folders: Path) -> None:
    split = open_split(face_folders)
    result = evaluate(Lenient(split, split.labels, lambda name: name), split, detector=Finds(2))  # pyright: ignore[reportArgumentType]
    values = result.to_dict()
    assert values["accuracy"] == 1
    assert values["as_shipped"]["accuracy"] == 7 / 8
    assert values["as_shipped"]["missed"] == [split.sources[2]]
    assert "as shipped, no face was found in 1 of 8 pictures: all wrong" in result.notes()


class Weak:
    """The embedded model, that sees each face as 3 x 3 spots."""

    def __init__(self) -> None:
        self._classifier = open_classifier()
        self.header = self._classifier.header

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        spots = pixels.reshape(len(pixels), 3, 16, 3, 16, 3).mean(axis=(2, 4)).astype(np.uint8)
        return self._classifier.logits(np.ascontiguousarray(spots.repeat(16, axis=1).repeat(16, axis=2)))


@pytest.fixture(scope="module")
def faces() -> Split:
    """The 3,191 faces of FER2013Valid."""
    if not FERPLUS.is_file():
        pytest.skip("needs FERPlus, which is not in the repository")
    return open_split(FERPLUS)


def test_the_detective_on_real_predictions(faces: Split, tmp_path: Path) -> None:
    """A weight file whose classes go by the names of another order, as published ones do that are named wrongly."""
    source, target = embedded("posterv2-nano", ".onnx"), tmp_path / "wrong.onnx"
    with_header(source, target, replace(open_classifier().header, labels=LABEL_SETS["affectnet8"]))
    result = CliRunner().invoke(app, ["evaluate", "--data", str(FERPLUS), "--weights", str(target)])
    assert result.exit_code == 0, result.stderr
    warning = result.stderr.splitlines()[0]
    assert warning.startswith(
        "warning: the classes stand in another order than their names say: in that of ferplus (neu"
    )
    right = evaluate(open_classifier(), faces)
    assert f"the accuracy would be {right.to_dict()['accuracy']:.2%}, not" in warning
    assert "make the weight file again with --labels ferplus" in warning
    named = evaluate(open_classifier(target), faces, labels_named=True)
    assert named.notes()[0].endswith("; give --labels ferplus")
    assert right.permutation is None


def test_the_detective_is_silent_about_a_weak_network_on_real_predictions(faces: Split) -> None:
    weak = evaluate(Weak(), faces)
    assert 0.15 < weak.to_dict()["accuracy"] < 0.6
    assert weak.permutation is None
