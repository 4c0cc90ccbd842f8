"""Probabilities that mean what they say, and sets that hold the right class as often as they are asked to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from posterv2.calibration import COVERAGES, Calibration, softmax
from posterv2.checkpoints.header import read_header
from posterv2.checkpoints.rewriting import with_header
from posterv2.errors import UsageError, WeightsError
from posterv2.evaluation.calibrate import Logits, Method, cross_fitted, fit, in_set
from posterv2.evaluation.intervals import figures
from posterv2.inference.classifier import face_logits, probabilities
from posterv2.inference.detection.detector import Detection
from posterv2.inference.engines.choice import open_classifier
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.predictor import Predictor
from posterv2.labels import LABEL_SETS
from tests.tiny_graph import BLUE, GREY, LABELS, RED, plain, write_tiny_graph

SEVEN = LABEL_SETS["rafdb"]
PLAIN = Calibration((1.0,) * 8, (0.0,) * 8, (1.0,) * 50, "none")


def boasting(count: int = 3000, temperature: float = 2.5, shift: float = 0.0, seed: int = 0) -> Logits:
    """Logits that are `temperature` times too large, those of the first class `shift` too high besides."""
    generator = np.random.default_rng(seed)
    honest = generator.normal(0, 1.5, (count, 7))
    targets = np.array([generator.choice(7, p=row) for row in softmax(honest)])
    honest[:, 0] += shift
    return Logits(SEVEN, tuple(map(str, range(count))), targets, honest * temperature)


def test_a_temperature_is_found_again() -> None:
    calibration = fit(boasting(20_000))
    assert set(calibration.scale) == {calibration.scale[0]}
    assert not any(calibration.bias)
    assert 1 / calibration.scale[0] == pytest.approx(2.5, rel=0.05)


def test_scales_and_biases_are_found_again() -> None:
    calibration = fit(boasting(20_000, shift=1.0), "vector")
    assert 1 / np.array(calibration.scale) == pytest.approx(np.full(7, 2.5), rel=0.15)
    bias = np.array(calibration.bias) - np.mean(calibration.bias[1:])
    assert bias == pytest.approx(np.array([-1.0, 0, 0, 0, 0, 0, 0]), abs=0.15)


@pytest.mark.parametrize("method", ["temperature", "vector"])
def test_nothing_is_likelier_by_a_kept_optimiser(method: Method) -> None:
    """The same sum as ours, prior and all, minimised by SciPy."""
    logits = boasting(600, shift=0.5)
    ours = fit(logits, method)
    rows = np.arange(600)

    def unlikely(found: np.ndarray) -> float:
        scale, bias = (found, np.zeros(7)) if method == "temperature" else (found[:7], found[7:])
        shares = softmax(logits.values * scale + bias)
        return -np.log(shares[rows, logits.targets]).sum() + np.square(found - start).sum() / 2

    start = np.ones(1) if method == "temperature" else np.concatenate([np.ones(7), np.zeros(7)])
    theirs = minimize(unlikely, start, method="L-BFGS-B", tol=1e-12).x
    if method == "temperature":
        assert ours.scale[0] == pytest.approx(theirs[0], abs=1e-4)
    else:
        assert [*ours.scale, *ours.bias] == pytest.approx(theirs, abs=1e-3)


def test_cross_fitting_brings_the_error_down_and_a_temperature_keeps_each_answer() -> None:
    logits = boasting(12_000)  # with fewer, the bins alone make up 0.03
    answers, _ = cross_fitted(logits, "temperature")
    before, after = (figures(each).single for each in (logits.answers(), answers))
    assert before["ece"][0] > 0.15
    assert after["ece"][0] < 0.03
    assert after["nll"][0] < before["nll"][0]
    assert np.array_equal(answers.predictions, logits.answers().predictions)


@pytest.mark.parametrize("seed", range(5))
def test_sets_hold_the_right_class_as_often_as_they_are_asked_to(seed: int) -> None:
    """On faces that they were not fitted on; 3,000 faces leave 1.1 points of chance (two standard deviations)."""
    _, checks = cross_fitted(boasting(seed=seed), "temperature", seed)
    assert [check.asked for check in checks] == [0.8, 0.9, 0.95]
    for check in checks:
        assert check.asked - 0.015 <= check.held <= check.asked + 0.015
    assert checks[0].size < checks[1].size < checks[2].size < 7


def test_a_set_never_is_empty_and_grows_with_what_is_asked() -> None:
    logits = boasting(500)
    calibration = fit(logits)
    shares = softmax(calibration(logits.values))
    sizes = [in_set(shares, calibration.least(coverage)).sum(axis=1) for coverage in (0.5, 0.8, 0.99)]
    assert min(size.min() for size in sizes) == 1
    assert (sizes[0] <= sizes[1]).all()
    assert (sizes[1] <= sizes[2]).all()


def test_few_faces_promise_nothing() -> None:
    """With 20 faces there is none that 99 % of 21 could be told by, so all classes belong to a set."""
    calibration = fit(boasting(20))
    assert calibration.least(0.99) == 0
    assert calibration.least(0.5) > 0


@pytest.mark.parametrize("coverage", [0.3, 0.995, -1, float("nan")])
def test_coverages_that_cannot_be(coverage: float) -> None:
    with pytest.raises(UsageError, match=r"from 0\.5 to 0\.99, got"):
        PLAIN.least(coverage)


def test_between_two_coverages_the_higher_one_counts() -> None:
    calibration = replace(PLAIN, quantiles=COVERAGES)
    assert calibration.least(0.9) == pytest.approx(0.1)
    assert calibration.least(0.901) == calibration.least(0.91) == pytest.approx(0.09)


class Whole:
    def detect(self, image: np.ndarray) -> list[Detection]:
        return [Detection((0, 0, image.shape[1], image.shape[0]), 1.0)]


def calibrated(folder: Path, calibration: Calibration) -> OnnxClassifier:
    source = write_tiny_graph(folder / "tiny.onnx")
    target = folder / "calibrated.onnx"
    with_header(source, target, replace(OnnxClassifier(source).header, calibration=calibration))
    return OnnxClassifier(target)


def test_prediction_applies_what_stands_in_the_file(tmp_path: Path) -> None:
    faces = [plain(colour) for colour in (RED, BLUE, GREY)]
    classifier = calibrated(tmp_path, replace(PLAIN, scale=(0.5,) * 8, bias=(0.1,) + (0.0,) * 7))
    plainly = OnnxClassifier(tmp_path / "tiny.onnx")
    logits = face_logits(classifier, faces)
    assert np.array_equal(logits, face_logits(plainly, faces))
    expected = softmax(logits * 0.5 + np.array([0.1] + [0] * 7, np.float32))
    assert probabilities(classifier, faces) == pytest.approx(expected, abs=1e-6)
    assert Predictor(classifier, Whole())(faces[0]).faces[0].probability == pytest.approx(expected[0].max(), abs=1e-6)


def test_choices_are_the_classes_of_the_set(tmp_path: Path) -> None:
    classifier = calibrated(tmp_path, replace(PLAIN, quantiles=(0.99,) * 40 + (1.0,) * 10))
    face = plain(RED)
    [found] = Predictor(classifier, Whole(), coverage=0.8)(face).faces
    assert found.choices is not None
    assert found.choices[0] == found.expression == "happiness"
    assert all(found.probabilities[name] >= 0.01 for name in found.choices)
    [every] = Predictor(classifier, Whole(), coverage=0.95)(face).faces
    assert every.choices is not None
    assert sorted(every.choices) == sorted(LABELS.names)
    assert Predictor(classifier, Whole())(face).faces[0].choices is None
    with pytest.raises(UsageError, match="tiny is not calibrated, so it knows no sets"):
        Predictor(open_classifier(tmp_path / "tiny.onnx"), Whole(), coverage=0.9)


def test_only_our_files_take_a_header(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04 a published file")
    header = OnnxClassifier(write_tiny_graph(tmp_path / "tiny.onnx")).header
    with pytest.raises(WeightsError, match="posterv2 weights convert"):
        with_header(tmp_path / "x.pth", tmp_path / "y.pth", header)
    (tmp_path / "x.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{broken")
    with pytest.raises(WeightsError, match="cannot be read"):
        with_header(tmp_path / "x.safetensors", tmp_path / "y.safetensors", header)
    assert not list(tmp_path.glob("y.*"))


def test_the_embedded_files_carry_the_same_calibration() -> None:
    weights = Path(__file__).parents[1] / "src" / "posterv2" / "weights"
    headers = OnnxClassifier(weights / "posterv2-nano.onnx").header, read_header(weights / "posterv2-nano.safetensors")
    assert headers[0].calibration == headers[1].calibration
    assert headers[0].calibration is not None
    assert headers[0].metrics["ece"] <= 0.02
