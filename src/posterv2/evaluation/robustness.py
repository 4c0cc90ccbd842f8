"""How often a classifier is right on faces that light, lenses, files or masks have spoilt, and whether it knows it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posterv2.data.split import Split
from posterv2.evaluation.answering import images_of, match
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.corruptions import CORRUPTIONS, SEED, STRENGTHS, Corruption, is_grey
from posterv2.evaluation.intervals import Interval, draws, interval
from posterv2.evaluation.markdown import plain, table
from posterv2.evaluation.wording import share, visible
from posterv2.inference.classifier import Classifier, probabilities

VIEWS = 1 + len(CORRUPTIONS) * STRENGTHS
"""How often each face is looked at: as it is, and under each corruption at each strength."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A set of faces under one corruption at one strength.

    Attributes:
        corruption: None for the faces as they are.
        strength: in the corruption's unit.
        answers: about each face.
    """

    corruption: Corruption | None
    strength: float
    answers: Answers

    @property
    def accuracy(self) -> float:
        """The share that is right, 0..1; answers are counted whether they are uncertain or not."""
        return float(self.answers.right.mean())

    @property
    def confidence(self) -> float:
        """The mean probability of the answers, 0..1: as much as the accuracy, where the classifier knows its limits."""
        return float(self.answers.confidences.mean())

    def uncertain(self, below: float) -> float:
        """The share of faces whose answer is less probable than `below`, 0..1."""
        return float((self.answers.confidences < below).mean())

    def right_of_the_rest(self, below: float) -> float:
        """Of the other faces the share that is right, 0..1; NaN where there are none."""
        kept = self.answers.confidences >= below
        return float(self.answers.right[kept].mean()) if kept.any() else float("nan")


@dataclass(frozen=True, eq=False)
class Robustness:
    """How a classifier did on a split, corruption by corruption.

    Attributes:
        weights: the classifier's name.
        data: the data set's file name.
        split: the split's name.
        uncertain_below: the probability below which an answer is `uncertain`.
        trials: the faces as they are first, then each corruption from weak to strong; those of colours only where a
            face has any.
    """

    weights: str
    data: str
    split: str
    uncertain_below: float
    trials: tuple[Trial, ...]

    @cached_property
    def _replicates(self) -> np.ndarray:
        """The accuracy of each trial in each bootstrap replicate, (R, T), all trials on the same draws."""
        right = np.stack([trial.answers.right for trial in self.trials], axis=1).astype(float)
        return np.concatenate([counts @ right for counts in draws(self.trials[0].answers.targets)]) / len(right)

    @cached_property
    def intervals(self) -> list[Interval]:
        """Of each trial's accuracy, as `intervals.interval` takes them."""
        return [interval(values) for values in self._replicates.T]

    @property
    def mean(self) -> tuple[float, Interval]:
        """The mean accuracy over all corruptions and strengths, and its interval: one number to compare models by."""
        spoilt = [trial.accuracy for trial in self.trials[1:]]
        return float(np.mean(spoilt)), interval(self._replicates[:, 1:].mean(axis=1))

    @property
    def title(self) -> str:
        """What was measured, in words."""
        faces = len(self.trials[0].answers)
        return f"{self.weights} on {self.data}, split {self.split}: {faces:,} faces, seed {SEED}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of `rows`."""
        told = ("mean probability", f"uncertain (below {self.uncertain_below:.0%})", "right of the rest")
        return ("corruption", "strength", "accuracy", "95 % interval", *told)

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each trial and one for the mean, in words."""
        rows = [self._row(trial, ends) for trial, ends in zip(self.trials, self.intervals, strict=True)]
        value, ends = self.mean
        return [*rows, ("mean of all corrupted", "", share(value), _ends(ends), "", "", "")]

    def markdown(self, command: str) -> str:
        """All of it as Markdown, with the command that does it again."""
        return f"{plain(self.title)}\n\n    {visible(command)}\n\n{table([self.columns, *self.rows()])}\n"

    def _row(self, trial: Trial, ends: Interval) -> tuple[str, ...]:
        kind, below = trial.corruption, self.uncertain_below
        name, strength = ("as they are", "") if kind is None else (kind.name, kind.says(trial.strength))
        told = trial.confidence, trial.uncertain(below), trial.right_of_the_rest(below)
        return name, strength, share(trial.accuracy), _ends(ends), *map(share, told)


def _ends(ends: Interval) -> str:
    return " .. ".join(map(share, ends))


def robustness(
    classifier: Classifier,
    split: Split,
    uncertain_below: float,
    advance: Callable[[str], None] = lambda words: None,
) -> Robustness:
    """Classify every picture of `split`, each taken as a face crop, `VIEWS` times.

    Classes that only the classifier knows are wrong where they are answered.

    Args:
        uncertain_below: the probability below which an answer counts as `uncertain`, 0..1.
        advance: called after each view of each picture with what was done to it; `VIEWS` times a picture.

    Raises:
        LabelsError: the classifier lacks a class that has pictures.
        DatasetError: a picture cannot be read.
        WeightsError: the network gave numbers that are not finite.
    """
    matched = match(split, classifier.header.labels)
    views = [(None, 0.0), *((kind, strength) for kind in CORRUPTIONS for strength in kind.strengths)]
    parts: list[list[np.ndarray]] = [[] for _ in views]
    first, in_colour = 0, False
    for faces in images_of(matched.split):
        any_colour = not all(map(is_grey, faces))
        in_colour |= any_colour
        for (kind, strength), shares in zip(views, parts, strict=True):
            if kind is None or any_colour or not kind.of_colour:
                seen = faces if kind is None else [kind(face, strength, first + at) for at, face in enumerate(faces)]
                shares.append(matched.answers(probabilities(classifier, seen)))
            else:
                shares.append(parts[0][-1])  # nothing is changed
            for _ in faces:
                advance("as they are" if kind is None else f"{kind.name}, {kind.says(strength)}")
        first += len(faces)
    rest = matched.split
    trials = tuple(
        Trial(kind, strength, Answers(matched.labels, rest.sources, rest.targets, np.concatenate(shares)))
        for (kind, strength), shares in zip(views, parts, strict=True)
        if kind is None or in_colour or not kind.of_colour
    )
    return Robustness(classifier.header.name, split.store.path.name, split.name, uncertain_below, trials)
