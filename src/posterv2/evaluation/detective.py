"""Class names that stand in another order than the network learned: told by a confusion matrix.

Published checkpoints do not say which index is which class, so this is the usual reason for an accuracy near chance.
"""

from dataclasses import dataclass

import numpy as np

from posterv2.labels import LABEL_SETS, LabelSet

_ENOUGH = 5  # samples from which a class has a say
_SURE = 4.0  # standard deviations by which the gain must differ from none
_MOST = 0.75  # share of the moved classes that must gain
_GAIN = {"known": 0.2, "found": 0.3}  # of the mean recall of the moved classes, at least; an order that nobody
_RECALL = {"known": 0.35, "found": 0.5}  # has published must explain more, because there are so many of them
_ALIKE = 0.02  # accuracy that a known order may have less than the best of all and still be the likelier one


@dataclass(frozen=True)
class Permutation:
    """An order of the classes that explains the answers better than the names they go by.

    Attributes:
        order: what each index means, by name.
        known: the id of the label set that has this order; None where none has.
        accuracy: what the answers' accuracy would be with it.
        before: what it is.
    """

    order: LabelSet
    accuracy: float
    before: float

    @property
    def known(self) -> str | None:
        """The id of the label set that has this order; None where none has."""
        return self.order.id if self.order.id in LABEL_SETS else None


def permutation_in(matrix: np.ndarray, labels: LabelSet) -> Permutation | None:
    """The order that the classes really have; None where their names explain the answers as well, or nothing does.

    Args:
        matrix: (C, C) or more columns, rows true, columns predicted; further columns are wrong answers.
        labels: the names that rows and columns go by.
    """
    counts = matrix[:, : len(labels)]
    known = [
        tuple(labels.index(name) for name in other.names)
        for other in LABEL_SETS.values()
        if set(other.names) == set(labels.names) and other.names != labels.names
    ]
    best = max(known, key=lambda order: _right(counts, order), default=None)
    found = assignment(counts)
    total = max(1, matrix.sum())
    if best is not None and _right(counts, best) >= _right(counts, found) - _ALIKE * total:
        found, kind = best, "known"
    else:
        kind = "found"
    if not _explains(counts, matrix.sum(axis=1), found, kind):
        return None
    names = tuple(labels.names[row] for row in found)
    order = next((other for other in LABEL_SETS.values() if other.names == names), LabelSet("custom", names))
    return Permutation(order, _right(counts, found) / total, float(np.trace(counts)) / total)


def assignment(counts: np.ndarray) -> tuple[int, ...]:
    """The row for each column of (C, C) that makes the sum of the chosen counts the largest (Kuhn 1955, Munkres 1957).

    Written here in its shortest form, by shortest augmenting paths, because SciPy would be all that is needed of it.
    """
    size = len(counts)
    costs = counts.max(initial=0) - counts.astype(float)
    row_prices, column_prices = np.zeros(size + 1), np.zeros(size + 1)
    row_of = np.full(size + 1, -1)  # of each column; the last one is where a path begins
    for row in range(size):
        row_of[size], column = row, size
        shortest, before = np.full(size, np.inf), np.full(size, size)
        used = np.zeros(size + 1, bool)
        while row_of[column] >= 0:
            used[column] = True
            here = row_of[column]
            reduced = costs[here] - row_prices[here] - column_prices[:size]
            better = ~used[:size] & (reduced < shortest)
            shortest[better], before[better] = reduced[better], column
            following = int(np.argmin(np.where(used[:size], np.inf, shortest)))
            step = shortest[following]
            row_prices[row_of[used]] += step
            column_prices[used] -= step
            shortest[~used[:size]] -= step
            column = following
        while column != size:
            row_of[column] = row_of[before[column]]
            column = int(before[column])
    return tuple(int(row) for row in row_of[:size])


def _right(counts: np.ndarray, order: tuple[int, ...]) -> int:
    return int(counts[list(order), range(len(order))].sum())


def _explains(counts: np.ndarray, samples: np.ndarray, order: tuple[int, ...], kind: str) -> bool:
    """Whether the classes that move gain, nearly all of them and by more than chance and a weak network would give."""
    columns = np.argsort(order)  # of each true class
    classes = np.flatnonzero((columns != np.arange(len(order))) & (samples >= _ENOUGH))
    if len(classes) < 2:
        return False
    after, before = counts[classes, columns[classes]], counts[classes, classes]
    recalls = after / samples[classes], before / samples[classes]
    surplus = (after.sum() - before.sum()) / max(1.0, float(after.sum() + before.sum())) ** 0.5
    return bool(
        surplus > _SURE
        and (after > before).mean() >= _MOST
        and recalls[0].mean() - recalls[1].mean() >= _GAIN[kind]
        and recalls[0].mean() >= _RECALL[kind]
    )
