"""What can be wrong with a data set, how to tell, and what to do about it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

from posterv2.data import permuted
from posterv2.data.manifest import Entry
from posterv2.data.reading import ADVICE, FaultKind, Reading
from posterv2.data.sniff import ENDINGS

TINY = 32  # pixels
_SPOILING = 0.01  # share of pictures
_PERMUTED = "the labels are permuted"
_REORDER = "find out which number is which class in these labels, and give the classes words"


@dataclass(frozen=True)
class Picture:
    """One picture as it was found.

    Attributes:
        pixels: a hash of its decoded pixels; None where it cannot be decoded.
        size: width and height in pixels.
        error: why it cannot be decoded.
    """

    split: str
    entry: Entry
    pixels: str | None = None
    size: tuple[int, int] = (0, 0)
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.entry.source} ({self.entry.expression})"


@dataclass(frozen=True)
class Finding:
    """One kind of thing that is wrong.

    Attributes:
        title: what.
        cases: each case, in words.
        advice: what to do.
        spoils: whether a training would fail on it, or teach or measure something wrong.
    """

    title: str
    cases: Sequence[str]
    advice: str
    spoils: bool


def of_labels(readings: Mapping[str, Reading], broken: Mapping[str, str]) -> Iterator[Finding]:
    """What the labels alone tell."""
    if broken:
        yield Finding("splits that cannot be read", list(broken.values()), "mend what the message says", True)
    for kind in FaultKind:
        faults = {
            f"{fault.name}: {fault.text}": None
            for reading in readings.values()
            for fault in reading.faults
            if fault.kind == kind
        }
        if faults:
            yield Finding(kind.value, list(faults), ADVICE[kind], True)
    for split, reading in readings.items():
        told = permuted.by_counts(reading.split.counts())
        if told:
            published, moved = told
            cases = [
                f"{split}: what is called {name} is as frequent as {partner} is" for name, partner in moved.items()
            ]
            yield Finding(f"{_PERMUTED}: the classes of {published} under other names", cases, _REORDER, True)
    empty = [f"{split}: {name}" for split, reading in readings.items() for name in reading.split.empty_classes()]
    if empty:
        yield Finding(
            "classes without a picture", empty, "train with a label set that lacks them, or add pictures", False
        )
    if not broken and (unlisted := _unlisted(list(readings.values()))):
        advice = "nothing, if they are not meant to be used; else add them to the list"
        yield Finding("pictures that no label list names", unlisted, advice, False)


def of_pictures(pictures: Mapping[str, Sequence[Picture]]) -> Iterator[Finding]:
    """What the pictures tell."""
    everything = [picture for split in pictures.values() for picture in split]
    empty = [picture.entry.source for picture in everything if picture.entry.size == 0]
    if empty:
        yield Finding("empty files", empty, "fetch them anew, or remove them and their labels", True)
    unreadable = [f"{one.entry.source}: {one.error}" for one in everything if one.error and one.entry.size != 0]
    if unreadable:
        yield Finding(
            "pictures that cannot be read", unreadable, "fetch them anew, or remove them and their labels", True
        )
    tiny = [f"{one.entry.source}: {one.size[0]} x {one.size[1]}" for one in everything if 0 < min(one.size) < TINY]
    if tiny:
        yield Finding(f"pictures under {TINY} pixels a side", tiny, "look whether a face can be seen in them", False)
    yield from _duplicates(pictures, len(everything))


def _duplicates(pictures: Mapping[str, Sequence[Picture]], total: int) -> Iterator[Finding]:
    alike: dict[str, list[Picture]] = defaultdict(list)
    for split in pictures.values():
        for picture in split:
            if picture.pixels is not None:
                alike[picture.pixels].append(picture)
    groups = [group for group in alike.values() if len(group) > 1]
    for first, second in combinations(pictures, 2):
        yield from _disagreement(groups, first, second)
    if cases := [" = ".join(map(str, group)) for group in groups if len({one.entry.expression for one in group}) > 1]:
        share = sum(len(group) for group in groups if len({one.entry.expression for one in group}) > 1) / total
        advice = f"{share:.2%} of all pictures; keep the right label of each, or none"
        yield Finding("one picture under several classes", cases, advice, share >= _SPOILING)
    across = [group for group in groups if len({one.split for one in group}) > 1]
    if across:
        shares = {
            name: sum(one.split == name for group in across for one in group) / len(split)
            for name, split in pictures.items()
            if name != "train"
        }
        parts = ", ".join(f"{share:.2%} of {name!r}" for name, share in shares.items() if share)
        advice = (
            f"{parts} is in another split too, and measures memory; keep it in one, and rather not in the training set"
        )
        yield Finding("one picture in several splits", _joined(across), advice, max(shares.values()) >= _SPOILING)
    within = [group for group in groups if len({(one.split, one.entry.expression) for one in group}) == 1]
    if within:
        yield Finding("one picture several times in a split", _joined(within), "keep one of each", False)


def _disagreement(groups: Sequence[Sequence[Picture]], first: str, second: str) -> Iterator[Finding]:
    """Pictures of two splits that always have another class in the one than in the other."""
    pairs: Counter[tuple[str, str]] = Counter()
    for group in groups:
        sides = [[one.entry.expression for one in group if one.split == split] for split in (first, second)]
        pairs.update((one, other) for one in sides[0] for other in sides[1])
    if moved := permuted.by_pairs(pairs):
        cases = [f"{name} in {first!r} is {partner} in {second!r}" for name, partner in moved.items()]
        yield Finding(f"{_PERMUTED}: two splits call the same pictures otherwise", cases, _REORDER, True)


def _joined(groups: Sequence[Sequence[Picture]]) -> list[str]:
    return [" = ".join(one.entry.source for one in group) for group in groups]


def _unlisted(readings: Sequence[Reading]) -> list[str]:
    """Pictures beside those that are named, which no reading names."""
    named = {source for reading in readings for source in (*reading.split.sources, *reading.left_out)}
    found: set[str] = set()
    for reading in readings:
        folders = {str(PurePosixPath(source).parent) for source in reading.split.sources}
        for top in {folder.partition("/")[0] for folder in folders}:
            for name in reading.split.store.names("" if top == "." else top):
                path = PurePosixPath(name)
                if name not in named and path.suffix.lower() in ENDINGS and str(path.parent) in folders:
                    found.add(name)
    return sorted(found)
