"""Label orders that were mixed up: told by class counts that are published, and by pictures that two splits share."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from posterv2.labels import LABEL_SETS

_RAFDB, _AFFECTNET = LABEL_SETS["rafdb"].names, LABEL_SETS["affectnet8"].names
PUBLISHED: dict[str, dict[str, int]] = {
    "RAF-DB's training set": dict(zip(_RAFDB, (1290, 281, 717, 4772, 1982, 705, 2524), strict=True)),
    "RAF-DB's test set": dict(zip(_RAFDB, (329, 74, 160, 1185, 478, 162, 680), strict=True)),
    "AffectNet's training set": dict(
        zip(_AFFECTNET, (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750), strict=True)
    ),
}
PUBLISHED["AffectNet's training set without contempt"] = dict(list(PUBLISHED["AffectNet's training set"].items())[:-1])
"""How many pictures each class has."""

_NEAR, _FAR = 0.02, 0.05  # share of pictures that another distribution of classes would move
_ENOUGH = 500  # pictures from which shares of classes mean something
_AGREE, _PAIRS = 0.9, 3  # share and number of shared pictures that must tell the same permutation


def by_counts(counts: Mapping[str, int]) -> tuple[str, dict[str, str]] | None:
    """The published set that these counts are but for the names: which one, and the class that each name stands for.

    All counts are there under other names; or, in a part of a set, the shares of the classes nearly are.
    """
    near: tuple[str, dict[str, str]] | None = None
    for title, published in PUBLISHED.items():
        if counts.keys() != published.keys():
            continue
        ordered = (sorted(table, key=lambda name: table[name]) for table in (counts, published))
        partners = dict(zip(*ordered, strict=True))
        moved = {name: partner for name, partner in partners.items() if name != partner}
        if all(counts[name] == published[partner] for name, partner in partners.items()):
            return (title, moved) if moved else None
        as_named = _distance(counts, published, {name: name for name in counts})
        if sum(counts.values()) >= _ENOUGH and _distance(counts, published, partners) < _NEAR and as_named > _FAR:
            near = near or (title, moved)
    return near


def by_pairs(pairs: Counter[tuple[str, str]]) -> dict[str, str] | None:
    """The class of the second split that each class of the first one stands for, told by pictures that both hold.

    Args:
        pairs: how often a picture has this class in the one split and that one in the other.
    """
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for (first, second), count in pairs.items():
        seen[first][second] += count
    usual = {name: partners.most_common(1)[0] for name, partners in seen.items()}
    moved = {name: partner for name, (partner, _) in usual.items() if name != partner}
    agree = sum(count for _, count in usual.values()) >= _AGREE * pairs.total()
    one_to_one = len({partner for partner, _ in usual.values()}) == len(usual)
    told = sum(usual[name][1] for name in moved) >= _PAIRS
    return moved if moved and agree and one_to_one and told else None


def _distance(counts: Mapping[str, int], published: Mapping[str, int], partners: Mapping[str, str]) -> float:
    """The share of pictures that would have to change their class for both to be alike."""
    here, there = sum(counts.values()) or 1, sum(published.values())
    return sum(abs(counts[name] / here - published[partner] / there) for name, partner in partners.items()) / 2
