"""Fitting a calibration: probabilities that mean what they say, and sets of classes that hold the right one."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from posterv2.calibration import COVERAGES, Calibration, softmax
from posterv2.data.split import Split
from posterv2.errors import DatasetError
from posterv2.evaluation.answering import images_of
from posterv2.evaluation.answers import Answers
from posterv2.inference.classifier import Classifier, face_logits
from posterv2.labels import LabelSet

Method = Literal["temperature", "vector"]

FOLDS = 2
_ENOUGH = 100  # faces
_PRIOR = 1.0  # weight of scale 1 and bias 0 beside the faces, so that a class without faces stays as it is
_STEPS = 50  # of Newton's method, which needs a handful
_CLOSE = 1e-10  # step at which it has arrived
_LEAST_SCALE = 1e-3
_SHOWN = (0.8, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class Logits:
    """What a network says about N faces, before any calibration.

    Attributes:
        labels: the classes.
        sources: the pictures' names.
        targets: (N,), int64, the true classes.
        values: (N, C), float64.
    """

    labels: LabelSet
    sources: tuple[str, ...]
    targets: np.ndarray
    values: np.ndarray

    def answers(self, calibration: Calibration | None = None) -> Answers:
        """The probabilities that become of them."""
        values = self.values if calibration is None else calibration(self.values)
        return Answers(self.labels, self.sources, self.targets, softmax(values))

    def subset(self, kept: np.ndarray) -> "Logits":
        """The faces at which `kept`, (N,), bool, is set."""
        sources = tuple(source for source, keep in zip(self.sources, kept, strict=True) if keep)
        return Logits(self.labels, sources, self.targets[kept], self.values[kept])


@dataclass(frozen=True)
class SetCheck:
    """How sets of classes did on faces that they were not fitted on.

    Attributes:
        asked: the probability that a set should hold the right class with.
        held: the share of sets that do.
        size: the mean number of classes in one.
    """

    asked: float
    held: float
    size: float


def logits_of(classifier: Classifier, split: Split, advance: Callable[[str], None] = lambda words: None) -> Logits:
    """What the classifier says about each picture, taken as a face crop; its own calibration is left out.

    Args:
        advance: called after each picture with words, none.

    Raises:
        LabelsError: the classifier lacks a class that has pictures.
        DatasetError: a picture cannot be read.
    """
    split = split.relabel(classifier.header.labels)
    parts = []
    for images in images_of(split):
        parts.append(face_logits(classifier, images).astype(float))
        for _ in images:
            advance("")
    return Logits(split.labels, split.sources, split.targets, np.concatenate(parts))


def fit(logits: Logits, method: Method = "temperature", fitted_on: str = "") -> Calibration:
    """The calibration under which these faces are likeliest.

    Args:
        method: `temperature` never changes which class is the likeliest; `vector` scales and shifts each class.
        fitted_on: which faces these are, in words.
    """
    scale, bias = _temperature(logits) if method == "temperature" else _vector(logits)
    calibration = Calibration(tuple(scale.tolist()), tuple(bias.tolist()), (1.0,) * len(COVERAGES), fitted_on)
    shares = softmax(calibration(logits.values))
    strange = np.sort(1 - shares[np.arange(len(shares)), logits.targets])
    # One face more than there are: the next one, of which nothing is known (Vovk et al. 2005).
    places = [math.ceil(round((len(strange) + 1) * coverage, 9)) - 1 for coverage in COVERAGES]
    quantiles = tuple(float(strange[place]) if place < len(strange) else 1.0 for place in places)
    return replace(calibration, quantiles=quantiles)


def cross_fitted(logits: Logits, method: Method, seed: int = 0) -> tuple[Answers, list[SetCheck]]:
    """The answers of each half of the faces under the calibration of the other half, and how its sets did on it.

    The halves have the same share of each class, and the seed decides which face is in which.

    Raises:
        DatasetError: there are too few to fit anything.
    """
    if len(logits.targets) < _ENOUGH:
        raise DatasetError(f"a calibration needs at least {_ENOUGH} faces, got {len(logits.targets)}")
    folds = _folds(logits.targets, seed)
    shares = np.empty_like(logits.values)
    members: dict[float, np.ndarray] = {asked: np.empty(shares.shape, bool) for asked in _SHOWN}
    for fold in range(FOLDS):
        inside = folds == fold
        calibration = fit(logits.subset(~inside), method)
        shares[inside] = softmax(calibration(logits.values[inside]))
        for asked, member in members.items():
            member[inside] = in_set(shares[inside], calibration.least(asked))
    right = np.arange(len(shares)), logits.targets
    checks = [SetCheck(asked, float(each[right].mean()), float(each.sum(1).mean())) for asked, each in members.items()]
    return Answers(logits.labels, logits.sources, logits.targets, shares), checks


def in_set(shares: np.ndarray, least: float) -> np.ndarray:
    """Which classes belong to the set of each face, (N, C), bool: those from `least` on, and always the likeliest."""
    return (shares >= least) | (shares == shares.max(axis=1, keepdims=True))


def _folds(targets: np.ndarray, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    folds = np.empty(len(targets), np.int64)
    for target in np.unique(targets):
        places = generator.permutation(np.flatnonzero(targets == target))
        folds[places] = np.arange(len(places)) % FOLDS
    return folds


def _temperature(logits: Logits) -> tuple[np.ndarray, np.ndarray]:
    """One scale for all."""
    features = logits.values[None]
    [scale] = _likeliest(features, np.ones((1, len(logits.labels))), logits.targets, np.ones(1))
    return np.full(len(logits.labels), scale), np.zeros(len(logits.labels))


def _vector(logits: Logits) -> tuple[np.ndarray, np.ndarray]:
    """A scale and a bias for each class."""
    classes = len(logits.labels)
    features = np.stack([logits.values] * classes + [np.ones_like(logits.values)] * classes)
    found = _likeliest(features, np.tile(np.eye(classes), (2, 1)), logits.targets, np.repeat([1.0, 0.0], classes))
    return found[:classes], found[classes:]


def _likeliest(features: np.ndarray, own: np.ndarray, targets: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The P numbers under which the targets are likeliest, by Newton's method: the likelihood is convex in them.

    Args:
        features: (P, N, C), what a number is multiplied by for each logit.
        own: (P, C), 1 where a number is part of a class's logit, else 0.
        targets: (N,), the true classes.
        start: (P,), where it begins, and what the prior holds it to.
    """
    features = features * own[:, None]
    rows = np.arange(len(targets))

    def unlikely(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        shares = softmax(np.tensordot(numbers, features, 1))
        surprise = -np.log(np.maximum(shares[rows, targets], 1e-300)).sum()
        return float(surprise + _PRIOR * np.square(numbers - start).sum() / 2), shares

    found = start.copy()
    loss, shares = unlikely(found)
    for _ in range(_STEPS):
        off = shares.copy()
        off[rows, targets] -= 1
        slope = np.einsum("pnc,nc->p", features, off) + _PRIOR * (found - start)
        means = np.einsum("pnc,nc->pn", features, shares)
        bend = np.einsum("pnc,nc,qnc->pq", features, shares, features, optimize=True) - means @ means.T
        step = np.linalg.solve(bend + _PRIOR * np.eye(len(start)), slope)
        if np.abs(step).max() < _CLOSE:
            break
        size = 1.0
        while (tried := unlikely(found - size * step))[0] > loss and size > _CLOSE:
            size /= 2  # a whole step may leap over the valley
        found, (loss, shares) = found - size * step, tried
    # A scale below 0 would turn the order of the classes round.
    return np.where(start > 0, np.maximum(found, _LEAST_SCALE), found)
