"""Features of faces, and their plot."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from posterv2.calibration import softmax
from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError
from posterv2.evaluation.answering import match
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.embedding import embed, flatten
from posterv2.evaluation.embedding_plot import draw_embedding
from posterv2.inference.colours import colours
from posterv2.inference.engines.torch import TorchClassifier
from posterv2.labels import LABEL_SETS


def test_the_last_layer_makes_the_answers_of_the_features(face_folders: Path) -> None:
    classifier = TorchClassifier("posterv2-nano", device="cpu")
    labels = classifier.header.labels
    words: list[str] = []
    features, answers = embed(classifier, match(open_split(face_folders, labels=labels), labels), words.append)
    assert features.shape == (8, classifier.header.config.embed_dim)
    assert features.dtype == np.float32
    assert len(words) == 8
    with torch.no_grad():
        logits = classifier.network.classifier(torch.from_numpy(features)).numpy()
    calibration = classifier.header.calibration
    expected = softmax(logits if calibration is None else calibration(logits))
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-5)
    assert not classifier.network.classifier._forward_pre_hooks


def test_alike_faces_lie_together() -> None:
    groups = np.random.default_rng(0).normal(size=(3, 16)) * 20
    features = (np.repeat(groups, 20, axis=0) + np.random.default_rng(1).normal(size=(60, 16))).astype(np.float32)
    points = flatten(features)
    assert points.shape == (60, 2)
    np.testing.assert_array_equal(points, flatten(features))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) // 20 == np.arange(60) // 20).all()


def test_few_faces_are_refused() -> None:
    assert flatten(np.eye(4, 16, dtype=np.float32)).shape == (4, 2)
    with pytest.raises(DatasetError, match="at least 4 faces, got 3"):
        flatten(np.eye(3, 16, dtype=np.float32))


def test_a_point_has_the_colour_of_the_truth_and_a_mistake_is_a_cross(tmp_path: Path) -> None:
    labels = LABEL_SETS["ferplus"]
    anger, happiness = labels.index("anger"), labels.index("happiness")
    points = np.array([[0, 2], [0, 3], [0, 1], [0, 0], [3, 0]], np.float32)
    targets = np.array([anger, anger, anger, happiness, happiness])
    drawn = []
    for answered in (targets, np.array([anger, anger, anger, anger, happiness])):
        answers = Answers(labels, tuple("abcde"), targets, np.eye(8)[answered])
        draw_embedding(tmp_path / "map.png", points, answers, "100 $ of $ faces")
        drawn.append(
            np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(int)[:, :900]
        )  # no legend, no fifth point

    def coloured(pixels: np.ndarray, name: str) -> int:
        """How many pixels are nearly the colour of a class; points are a little see-through."""
        colour = np.array(colours(labels.names)[name])
        return int((np.abs(pixels - colour).max(axis=2) < 45).sum())

    right, wrong = drawn
    assert coloured(right, "happiness") > 50
    assert coloured(right, "anger") == pytest.approx(3 * coloured(right, "happiness"), rel=0.1)
    assert coloured(wrong, "anger") == pytest.approx(coloured(right, "anger"), rel=0.02)
    assert 10 < coloured(wrong, "happiness") < 0.8 * coloured(right, "happiness")
