"""Figures group by group, by attributes of the pictures that a CSV tells: age, skin tone, light, whatever there is."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from posterv2.errors import DatasetError, cut
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.intervals import Figures, Interval, figures, interval, replicates

FEW = 30
"""Faces of a class or a group below which a share of them says little."""

_SOURCE = "source"
_MOST = 50  # groups of one attribute; more are numbers or names, and no groups


@dataclass(frozen=True, eq=False)
class Group:
    """The pictures with one value of an attribute.

    Attributes:
        name: the value.
        samples: how many there are.
        few: they are too few to say much.
        values: metric -> its value and its interval.
    """

    name: str
    samples: int
    few: bool
    values: dict[str, tuple[float, Interval]]


@dataclass(frozen=True, eq=False)
class Attribute:
    """One column of the CSV.

    Attributes:
        name: its head.
        groups: by their names.
        unknown: pictures without a value.
        gaps: metric -> the largest value of a group that is not too small less the smallest, and its interval.
        between: metric -> the groups with the largest and the smallest value.
    """

    name: str
    groups: list[Group]
    unknown: int
    gaps: dict[str, tuple[float, Interval]]
    between: dict[str, tuple[str, str]]

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values; what is not a number is None."""
        return {
            "groups": {
                group.name: {
                    "samples": group.samples,
                    "few": group.few,
                    **{key: _optional(value) for key, (value, _) in group.values.items()},
                    "intervals": {key: [_optional(end) for end in ends] for key, (_, ends) in group.values.items()},
                }
                for group in self.groups
            },
            "unknown": self.unknown,
            "gaps": {
                key: {"gap": gap, "interval": list(ends), "between": list(self.between[key])}
                for key, (gap, ends) in self.gaps.items()
            },
        }


def read_attributes(path: str | Path, sources: Sequence[str]) -> dict[str, list[str]]:
    """The values of each attribute for each of `sources`, "" where the CSV says nothing.

    The CSV has a head with `source` and the attributes; sources are named as the data set names them, or by their file
    names alone where these are different from each other.

    Raises:
        DatasetError: it cannot be read, has no such head, tells a picture twice, or tells none of `sources`.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            heads = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    attributes = [head for head in heads if head != _SOURCE]
    if _SOURCE not in heads or not attributes or len(set(heads)) < len(heads):
        raise DatasetError(
            f"{path}: needs a head with {_SOURCE!r} and attributes, each once, got {cut(', '.join(heads))}"
        )
    told: dict[str, Mapping[str, str]] = {}
    for row in rows:
        source = row[_SOURCE] or ""
        if source in told:
            raise DatasetError(f"{path}: tells {cut(source)!r} twice")
        told[source] = row
    short = [PurePosixPath(source).name for source in sources]
    unique = len(set(short)) == len(short)
    found = [
        told.get(source) or (told.get(name) if unique else None) for source, name in zip(sources, short, strict=True)
    ]
    if not any(found):
        example = f"such as {sources[0]!r}" if sources else "which has none"
        raise DatasetError(f"{path}: tells nothing of the pictures of the data set, {example}")
    return {name: [(row or {}).get(name) or "" for row in found] for name in attributes}


def by_attribute(answers: Answers, name: str, values: Sequence[str]) -> Attribute:
    """The figures of each group of pictures with one value.

    Raises:
        DatasetError: there are too many values to be groups.
    """
    names = sorted({value for value in values if value})
    if len(names) > _MOST:
        raise DatasetError(f"the attribute {name!r} has {len(names)} values, more than {_MOST}; give ranges or kinds")
    column = np.array(values, dtype=object)
    parts = {group: answers.subset(column == group) for group in names}
    drawn = {group: replicates(part, seed=place) for place, (group, part) in enumerate(parts.items())}
    groups = [_group(group, part, drawn[group]) for group, part in parts.items()]
    enough = [group for group in groups if not group.few]
    gaps, between = {}, {}
    for key in enough[0].values if len(enough) > 1 else ():
        ranked = sorted(enough, key=lambda group: group.values[key][0])
        most, least = ranked[-1], ranked[0]
        apart = drawn[most.name].single[key] - drawn[least.name].single[key]
        gaps[key] = most.values[key][0] - least.values[key][0], interval(apart)
        between[key] = most.name, least.name
    return Attribute(name, groups, sum(not value for value in values), gaps, between)


def _group(name: str, answers: Answers, drawn: Figures) -> Group:
    single = figures(answers).single
    values = {key: (float(each[0]), interval(drawn.single[key])) for key, each in single.items()}
    return Group(name, len(answers), len(answers) < FEW, values)


def _optional(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
