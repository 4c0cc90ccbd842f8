"""The table: each face under each corruption, counted as everywhere else."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.errors import DatasetError, MissingExtraError
from posterv2.evaluation import answering
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from posterv2.evaluation.intervals import figures, interval, replicates
from posterv2.evaluation.robustness import VIEWS, Robustness, Trial, robustness
from posterv2.evaluation.robustness_pictures import draw_corrupted, draw_robustness
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.choice import open_classifier
from posterv2.labels import LABEL_SETS
from posterv2.preprocessing import read_image
from tests.tiny_graph import LABELS, tiny_header, write_tiny_graph

BRIGHT = 165  # some of the faces are


class Looks:
    """A classifier that is sure of happiness where the middle is bright, and undecided where it is not."""

    header = tiny_header()

    def __init__(self) -> None:
        self.seen = 0

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self.seen += len(pixels)
        logits = np.zeros((len(pixels), len(LABELS)), np.float32)
        bright = pixels[:, 20:28, 20:28].mean(axis=(1, 2, 3)) > BRIGHT
        logits[:, LABELS.index("happiness")] = np.where(bright, 5, 0.1)
        return logits


@pytest.fixture
def split(ferplus_zip: Path) -> Split:
    return open_split(ferplus_zip)


def made(rights: list[list[bool]], confidences: list[list[float]]) -> Robustness:
    """A result with these answers about faces of two classes; the first row is of the faces as they are."""
    labels = LABEL_SETS["fer2013"]
    targets = np.arange(len(rights[0])) % 2
    trials = []
    for number, (right, sure) in enumerate(zip(rights, confidences, strict=True)):
        shares = np.zeros((len(targets), len(labels)))
        said = np.where(right, targets, targets + 2)
        shares[np.arange(len(targets)), said] = sure
        shares[np.arange(len(targets)), -1] += 1 - np.array(sure)
        kind = None if number == 0 else CORRUPTIONS[0]
        strength = 0.0 if number == 0 else CORRUPTIONS[0].strengths[number - 1]
        trials.append(Trial(kind, strength, Answers(labels, tuple(map(str, targets)), targets, shares)))
    return Robustness("some|model", "faces.zip", "valid", 0.7, tuple(trials))


def test_each_face_is_looked_at_under_each_corruption(split: Split) -> None:
    words: list[str] = []
    classifier = Looks()
    found = robustness(classifier, split, 0.5, words.append)
    grey = [kind for kind in CORRUPTIONS if not kind.of_colour]
    assert [(trial.corruption, trial.strength) for trial in found.trials] == [
        (None, 0.0),
        *((kind, strength) for kind in grey for strength in kind.strengths),
    ]
    assert len(words) == len(split) * VIEWS
    assert classifier.seen == len(split) * len(found.trials)
    assert words[0] == "as they are"
    assert words[len(split)] == "rotated, 10 degrees"


def test_what_it_answers_is_what_it_sees(split: Split) -> None:
    found = robustness(Looks(), split, 0.5)
    happy = split.labels.index("happiness")
    bright = np.array([split.image(index)[20:28, 20:28].mean() > BRIGHT for index in range(len(split))])
    assert 0 < bright.sum() < len(split)
    assert ((found.trials[0].answers.confidences > 0.5) == bright).all()
    trials = {(trial.corruption and trial.corruption.name, trial.strength): trial for trial in found.trials}
    assert trials["darkened", 0.1].uncertain(0.5) == 1, "nothing is bright any more"
    assert trials["brightened", 3].confidence > found.trials[0].confidence
    assert (trials["darkened", 0.1].answers.targets == split.targets).all()
    assert (found.trials[0].answers.predictions == happy).all()


def test_it_can_be_made_again(split: Split) -> None:
    once, again = robustness(Looks(), split, 0.5), robustness(Looks(), split, 0.5)
    assert once.markdown("again") == again.markdown("again")


def test_batches_change_nothing(face_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = read_image("samples/astronaut.jpg")[60:190, 160:290]
    Image.fromarray(colour).save(face_folders / "valid" / "happiness" / "happiness_3.png")
    classifier, split = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx")), open_split(face_folders)
    once = robustness(classifier, split, 0.5)
    monkeypatch.setattr(answering, "_BATCH", 2)  # grey faces alone, and one in colour beside a grey one
    again = robustness(classifier, split, 0.5)
    assert len(once.trials) == len(again.trials) == VIEWS
    for one, other in zip(once.trials, again.trials, strict=True):
        np.testing.assert_allclose(one.answers.probabilities, other.answers.probabilities, atol=1e-6)


def test_colours_are_cast_where_there_are_any(tmp_path: Path) -> None:
    for name, colour in (("happiness", (200, 40, 40)), ("sadness", (40, 40, 200))):
        folder = tmp_path / "faces" / "valid" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (60, 60), colour).save(folder / "face.png")
    classifier = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx"))
    found = robustness(classifier, open_split(tmp_path / "faces"), 0.5)
    assert len(found.trials) == VIEWS
    casts = [trial for trial in found.trials if trial.corruption is not None and trial.corruption.of_colour]
    assert len(casts) == STRENGTHS
    assert found.trials[0].accuracy == 1
    assert casts[-1].confidence < found.trials[0].confidence


def test_accuracy_and_interval_are_those_of_an_evaluation(split: Split) -> None:
    generator = np.random.default_rng(0)
    rights = [generator.random(200) < 0.8, generator.random(200) < 0.5]
    found = made([right.tolist() for right in rights], [[0.9] * 200] * 2)
    for trial, ends in zip(found.trials, found.intervals, strict=True):
        assert trial.accuracy == pytest.approx(figures(trial.answers).single["accuracy"][0])
        assert ends == pytest.approx(interval(replicates(trial.answers).single["accuracy"]))


def test_the_mean_is_over_what_is_corrupted() -> None:
    found = made([[True] * 4, [True, True, False, False], [False] * 4], [[0.9] * 4] * 3)
    value, (low, high) = found.mean
    assert value == 0.25
    assert low <= 0.25 <= high < 1


def test_a_row_tells_whether_it_knows() -> None:
    found = made([[True] * 4, [True, False, False, False]], [[0.9] * 4, [0.9, 0.8, 0.6, 0.5]])
    first, second, mean = found.rows()
    assert first[:3] == ("as they are", "", "100.00%")
    assert second[:3] == ("rotated", "10 degrees", "25.00%")
    assert second[4:] == ("70.00%", "50.00%", "50.00%")
    assert mean[:3] == ("mean of all corrupted", "", "25.00%")
    none = made([[True] * 4, [True] * 4], [[0.9] * 4, [0.6] * 4]).rows()[1]
    assert none[5:] == ("100.00%", "-")


def test_markdown_holds_the_table_and_the_command() -> None:
    text = made([[True] * 4] * 2, [[0.9] * 4] * 2).markdown("posterv2 robustness --data faces.zip")
    lines = text.splitlines()
    assert lines[0] == r"some\|model on faces.zip, split valid: 4 faces, seed 0"
    assert lines[2] == "    posterv2 robustness --data faces.zip"
    assert lines[4].startswith("| corruption | strength | accuracy | 95 % interval | mean probability | uncertain")
    assert [line.count(" | ") for line in lines[4:] if not line.startswith("|---")] == [6] * 4


def test_a_picture_that_cannot_be_read_ends_it(face_folders: Path) -> None:
    (face_folders / "valid" / "fear" / "fear_2.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="fear_2"):
        robustness(Looks(), open_split(face_folders), 0.5)


def test_the_plot_is_a_picture_and_whole(tmp_path: Path) -> None:
    strengths = [[True] * 4] * (1 + STRENGTHS)
    draw_robustness(tmp_path / "plot.png", made(strengths, [[0.9] * 4] * (1 + STRENGTHS)))
    assert read_image(tmp_path / "plot.png").std() > 1
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_the_plot_needs_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"posterv2\[plot\]"):
        draw_robustness(tmp_path / "plot.png", made([[True] * 4] * 2, [[0.9] * 4] * 2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_sheet_shows_a_row_for_each_corruption(tmp_path: Path, suffix: str, face_files: list[Path]) -> None:
    pages = {}
    for name, face in (("grey", read_image(face_files[0])), ("colour", read_image("samples/astronaut.jpg"))):
        classifier: Classifier = Looks()
        draw_corrupted(tmp_path / f"{name}{suffix}", classifier, face, 0.5)
        pages[name] = read_image(tmp_path / f"{name}{suffix}")
    heights = [len(page) for page in pages.values()]
    row = (heights[0] - heights[1]) / (sum(not kind.of_colour for kind in CORRUPTIONS) - len(CORRUPTIONS))
    assert 120 < row < 220
