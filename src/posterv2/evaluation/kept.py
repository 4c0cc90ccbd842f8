"""Evaluations that were kept as JSON, read again with distrust."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posterv2.errors import LabelsError, UsageError, cut, shown
from posterv2.evaluation.answers import Answers
from posterv2.labels import LabelSet, label_set

_MOST_BYTES = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Kept:
    """What `posterv2 evaluate --json` wrote.

    Attributes:
        path: where.
        weights: the classifier's name.
        manifest: the hash of the pictures and their classes.
        answers: about each picture.
    """

    path: Path
    weights: str
    manifest: str
    answers: Answers


def read_evaluation(path: str | Path) -> Kept:
    """An evaluation.

    Raises:
        UsageError: the file cannot be read, or holds no evaluation of posterv2.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: over the limit of {_MOST_BYTES:,} bytes for an evaluation")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not an evaluation: {getattr(error, 'strerror', None) or cut(str(error))}") from error
    try:
        labels = label_set(_list(path, values, "labels", str))
    except LabelsError as error:
        raise UsageError(f"{path}: {cut(str(error), 300)}") from error
    kept = _get(path, values, "answers", dict)
    sources, targets = _list(path, kept, "sources", str), _list(path, kept, "targets", int)
    rows = _list(path, kept, "probabilities", list)
    if not len(sources) == len(targets) == len(rows) or len(set(sources)) < len(sources) or not sources:
        raise UsageError(
            f"{path}: needs a target and probabilities for each source, each source once, and one at least"
        )
    if not 0 <= min(targets) <= max(targets) < len(labels):
        raise UsageError(f"{path}: a target is the index of one of {len(labels)} labels")
    answers = Answers(labels, tuple(sources), np.array(targets, np.int64), _probabilities(path, rows, labels))
    return Kept(path, _get(path, values, "weights", str), _get(path, values, "manifest", str), answers)


def _probabilities(path: Path, rows: list[Any], labels: LabelSet) -> np.ndarray:
    numbers = all(type(value) in (int, float) for row in rows for value in row)
    if not numbers or any(len(row) != len(labels) for row in rows):
        raise UsageError(f"{path}: each face needs {len(labels)} probabilities, one a label")
    inside = all(0 <= value <= 1 for row in rows for value in row)  # NaN is not, nor what no float holds
    shares = np.array(rows if inside else [], np.float64).reshape(-1, len(labels))
    sums = shares.sum(axis=1)
    # They are written with six digits; a face without an answer has none.
    if not inside or not (np.isclose(sums, 1, atol=1e-4) | (sums == 0)).all():
        raise UsageError(f"{path}: the probabilities of a face lie in 0..1 and sum to 1")
    return shares


def _get(path: Path, values: Any, key: str, kind: type) -> Any:
    value = values.get(key) if isinstance(values, dict) else None
    if not isinstance(value, kind):
        raise UsageError(
            f"{path}: no evaluation that posterv2 evaluate --json wrote: {key!r} is {shown(value)}; make it again"
        )
    return value


def _list(path: Path, values: Any, key: str, kind: type) -> list[Any]:
    items = _get(path, values, key, list)
    if strange := [item for item in items if type(item) is not kind]:
        raise UsageError(
            f"{path}: no evaluation that posterv2 evaluate --json wrote: {key!r} holds {shown(strange[0])}"
        )
    return items
