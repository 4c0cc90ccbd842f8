import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posterv2.checkpoints.header import WeightsHeader
from posterv2.data.dataset import open_split
from posterv2.data.manifest import manifest_hash
from posterv2.data.split import Split
from posterv2.errors import DatasetError, LabelsError
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.evaluate import Evaluation, evaluate
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS, PosterConfig
from posterv2.preprocessing import Preprocessing


class Remembers:
    """A classifier that knows each face of a split by its pixels, and gives it the class it is told."""

    def __init__(self, split: Split, labels: LabelSet, answer: Callable[[str], str]) -> None:
        config = PosterConfig.from_dict(CONFIGS["posterv2-nano"].to_dict() | {"classes": len(labels)})
        self.header = WeightsHeader("remembers", config, labels, Preprocessing(size=config.image_size))
        self.batches: list[int] = []
        self._answers: dict[bytes, int] = {}
        for index, target in enumerate(split.targets):
            face = self.header.preprocessing.pixels(split.image(index))
            self._answers[face.tobytes()] = labels.index(answer(split.labels.names[target]))

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        answers = [self._answers[face.tobytes()] for face in pixels]
        return np.eye(len(self.header.labels), dtype=np.float32)[answers]


def test_classes_are_matched_by_name_and_never_by_position(face_folders: Path) -> None:
    split = open_split(face_folders)
    labels = LABEL_SETS["affectnet8"]
    assert labels.names != split.labels.names
    evaluation = evaluate(Remembers(split, labels, lambda name: name), split)
    assert evaluation.labels == labels
    assert evaluation.confusion_matrix.tolist() == np.eye(8, dtype=int).tolist()


def test_rows_are_true_and_columns_predicted(ferplus_zip: Path) -> None:
    split = open_split(ferplus_zip)
    classifier = Remembers(split, split.labels, lambda name: {"fear": "surprise"}.get(name, name))
    matrix = evaluate(classifier, split).confusion_matrix
    fear, surprise = split.labels.index("fear"), split.labels.index("surprise")
    assert (matrix[fear, surprise], matrix[surprise, fear], matrix[fear, fear]) == (1, 0, 0)


def test_the_json_holds_all_there_is_to_say(ferplus_zip: Path) -> None:
    split = open_split(ferplus_zip)
    classifier = Remembers(split, split.labels, lambda name: {"fear": "surprise"}.get(name, name))
    values = json.loads(json.dumps(evaluate(classifier, split).to_dict(), allow_nan=False))
    assert values.pop("confusion_matrix")[split.labels.index("fear")] == [0, 0, 1, 0, 0, 0, 0, 0]
    per_class, intervals = values.pop("per_class"), values.pop("intervals")
    answers, method, notes = values.pop("answers"), values.pop("method"), values.pop("notes")
    single = {name: values.pop(name) for name in intervals}
    assert (single["accuracy"], single["mean_class_accuracy"], single["top2_accuracy"]) == (7 / 8, 7 / 8, 7 / 8)
    assert list(single) == [
        *(
            "accuracy",
            "mean_class_accuracy",
            "macro_f1",
            "weighted_f1",
            "kappa",
            "top2_accuracy",
            "nll",
            "brier",
            "ece",
        ),
    ]
    # One face a class: whatever is drawn, it is the same set.
    assert all(ends == pytest.approx([single[name]] * 2) for name, ends in intervals.items())
    assert answers["sources"] == list(split.sources)
    said = np.argmax(answers["probabilities"], axis=1)
    assert [split.labels.names[index] for index in said] == [
        {"fear": "surprise"}.get(name, name) for name in (split.labels.names[index] for index in answers["targets"])
    ]
    assert method["ece"] == "15 bins of equal mass by confidence"
    [few] = notes
    assert few.startswith("fewer than 30 faces of neutral (1)")
    assert values == {
        "samples": 8,
        "labels": list(LABEL_SETS["ferplus"].names),
        "weights": "remembers",
        "data": str(ferplus_zip),
        "dataset": "ferplus",
        "split": "valid",
        "manifest": manifest_hash(split),
        "as_shipped": None,
        "groups": {},
    }
    for spread in (per_class[name].pop("intervals") for name in per_class):
        assert list(spread) == ["precision", "recall", "f1"]
    assert list(per_class) == values["labels"]
    assert per_class["surprise"] == {"precision": 0.5, "recall": 1, "f1": 2 / 3, "samples": 1}
    assert per_class["fear"] == {"precision": None, "recall": 0, "f1": 0, "samples": 1}


def test_a_smaller_set_on_larger_weights(face_folders: Path) -> None:
    for folder in face_folders.glob("*/contempt"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    split = open_split(face_folders)
    assert len(split.labels) == 7
    classifier = Remembers(split, LABEL_SETS["ferplus"], lambda name: {"disgust": "contempt"}.get(name, name))
    values = evaluate(classifier, split).to_dict()
    assert (values["accuracy"], values["mean_class_accuracy"], values["samples"]) == (6 / 7, 6 / 7, 7)


def test_a_larger_set_on_smaller_weights_shows_both_lists(face_folders: Path) -> None:
    split = open_split(face_folders)
    classifier = Remembers(split, LABEL_SETS["rafdb"], lambda name: "neutral")
    with pytest.raises(LabelsError, match=r"contempt of .*\(.*contempt.*\) is not in rafdb \(surprise, fear"):
        evaluate(classifier, split)
    assert classifier.batches == []


def test_an_unreadable_picture_is_named_and_nothing_is_counted_without_it(face_folders: Path) -> None:
    split = open_split(face_folders)
    classifier = Remembers(split, split.labels, lambda name: name)
    (face_folders / split.sources[5]).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=rf"{split.sources[5]}: not a picture.*; nothing was evaluated"):
        evaluate(classifier, split)


def test_progress_is_told_after_each_picture(face_folders: Path) -> None:
    split = open_split(face_folders)
    words: list[str] = []
    evaluate(Remembers(split, split.labels, lambda name: "fear"), split, words.append)
    assert words == ["12.5% right"] * 8


def test_many_pictures_go_through_in_batches(face_folders: Path) -> None:
    picture = (face_folders / "valid" / "fear" / "fear_2.png").read_bytes()
    for number in range(130):
        (face_folders / "valid" / "fear" / f"copy_{number}.png").write_bytes(picture)
    split = open_split(face_folders)
    classifier = Remembers(split, split.labels, lambda name: name)
    assert np.diag(evaluate(classifier, split).confusion_matrix).tolist() == [
        131 if name == "fear" else 1 for name in split.labels.names
    ]
    assert len(classifier.batches) > 2
    assert sum(classifier.batches) == 138


def test_a_small_probability_keeps_its_logarithm_in_the_json(face_folders: Path) -> None:
    """Rounded to 0, it would have an NLL of 27.6."""
    split = open_split(face_folders)
    shares = np.full((8, 8), 3.217e-9)
    shares[:, 0] = 1
    found = Evaluation(Answers(split.labels, split.sources, split.targets, shares), "w", "d", "folders", "valid", "m")
    written = json.loads(json.dumps(found.to_dict()))["answers"]["probabilities"]
    assert written[0][1] == 3.217e-9
