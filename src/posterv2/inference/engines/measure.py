"""How fast each engine answers here, and how close to the others."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from posterv2.errors import MissingExtraError, PosterError
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.choice import Engine, open_classifier
from posterv2.inference.engines.precision import Precision
from posterv2.labels import LabelSet

Name = TypeVar("Name")

_ROUNDS = 7
_TIMED = 2  # calls a round, behind one that warms the caches again


@dataclass(frozen=True)
class Speed:
    """One engine at one batch size.

    Attributes:
        engine: what ran the network.
        precision: its arithmetic.
        batch: faces at once.
        seconds: the median of a batch, from uint8 pixels to logits.
        same_answers: the share of the faces whose answer is that of the first engine in fp32.
    """

    engine: Engine
    precision: Precision
    batch: int
    seconds: float
    same_answers: float

    @property
    def faces_per_second(self) -> float:
        """Faces in a second, batch after batch."""
        return self.batch / self.seconds


def opened(
    weights: str | Path | None, labels: LabelSet | None, device: str
) -> Iterator[tuple[Engine, Precision, Classifier | PosterError]]:
    """Each engine in each precision, or why it cannot run these weights here; what compiles for minutes is left out."""
    for engine in get_args(Engine):
        for precision in get_args(Precision):
            if engine in ("auto", "torch-compiled"):
                continue
            try:
                yield engine, precision, open_classifier(weights, labels, device, engine, precision)
            except PosterError as error:
                yield engine, precision, error
                if isinstance(error, MissingExtraError):
                    break


def speeds(
    classifiers: Mapping[tuple[Engine, Precision], Classifier],
    pixels: np.ndarray,
    batches: Sequence[int],
    advance: Callable[[str], None] = lambda words: None,
) -> Iterator[Speed]:
    """Time all engines in turns, so that what else the machine does slows each of them alike.

    Args:
        classifiers: by engine and precision; the first one's answers are those to agree with.
        pixels: (N, S, S, 3), uint8: faces; batches repeat them.
        batches: how many at once, one after the other.
        advance: called after each batch size with words, none.
    """
    answers = {name: classifier.logits(pixels).argmax(axis=1) for name, classifier in classifiers.items()}
    expected = next(iter(answers.values()))
    for batch in batches:
        faces = np.resize(pixels, (batch, *pixels.shape[1:]))
        jobs = {name: _job(classifier, faces) for name, classifier in classifiers.items()}
        for (engine, precision), seconds in medians(jobs).items():
            same = float((answers[engine, precision] == expected).mean())
            yield Speed(engine, precision, batch, seconds, same)
        advance("")


def medians(jobs: Mapping[Name, Callable[[], object]], rounds: int = _ROUNDS) -> dict[Name, float]:
    """The median seconds of each job; they take turns, and each turn begins with a call that is not counted."""
    times: dict[Name, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            job()
            for _ in range(_TIMED):
                start = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def _job(classifier: Classifier, faces: np.ndarray) -> Callable[[], object]:
    return lambda: classifier.logits(faces)
