"""Class folders: `<split>/<class>/*` or `<class>/*`; a class is a word or a number, and `Validation` is a split too."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from posterv2.data.reading import Reading, Rows
from posterv2.data.sniff import is_picture
from posterv2.data.split import SPLIT_OF, SPLITS, UNDIVIDED
from posterv2.data.store import Store
from posterv2.errors import DatasetError, LabelsError
from posterv2.labels import LABEL_SETS, Expression, LabelSet, canonical, label_set

_NUMBERED = {
    frozenset(range(1, 8)): LABEL_SETS["rafdb"],
    frozenset(range(7)): LABEL_SETS["affectnet7"],
    frozenset(range(8)): LABEL_SETS["affectnet8"],
}


@dataclass(frozen=True)
class Folders:
    """The reader.

    Attributes:
        labels: the data set whose class folders they must be; None: the folders tell.
        divided: they stand in folders of splits; else they are all that there is.
    """

    labels: LabelSet | None = None
    divided: bool = True

    @property
    def LAYOUT(self) -> str:  # noqa: N802 - as other readers
        """How the pictures must lie."""
        return "train|valid|val|test/<class>/ with the pictures in it" if self.divided else "<class>/ with them in it"

    def splits(self, store: Store) -> list[str]:
        """The splits that are there: those with a class folder, or `all`."""
        if not self.divided:
            return [UNDIVIDED] if _undivided(store) else []
        return [split for split in SPLITS[:-1] if _classes(store, split)]

    def read(self, store: Store, split: str) -> Reading:
        """Read one split. Which class is which index is told by the class folders of all splits together.

        Numbers are RAF-DB's order if they are 1..7, AffectNet's if they are 0..6 or 0..7. Expressions by word give
        the seven basic ones (and contempt where it has a folder), other words a set of their own; both in
        alphabetical order. Where the data set is named, it says what a number is, and its classes must all be there;
        AffectNet with seven classes leaves a folder of contempt out.

        Raises:
            DatasetError: classes of another data set, or no picture.
            LabelsError: numbers of no known order, numbers beside words, or words that make no label set.
        """
        folders = sorted({folder for name in self.splits(store) for folder in _classes(store, name)})
        labels, classes = _told(store, folders) if self.labels is None else _named(store, folders, self.labels)
        rows = Rows(store)
        for name in _names(store, split):
            folder, file = _below(name, split)[0], name.rpartition("/")[2]
            if not file or folder not in classes or not is_picture(store, name):
                continue
            if classes[folder] in labels.names:
                rows.add(name, labels.index(classes[folder]))
            else:
                rows.leave_out(name)
        if not rows.sources:
            place = "" if split == UNDIVIDED else f"/{split}"
            raise DatasetError(
                f"{store.path}{place}: no picture in its class folders ({', '.join(_classes(store, split))}); "
                "a picture is told by its ending, such as .jpg, or by its content"
            )
        return rows.reading(split, labels, "folders" if self.labels is None else self.labels.id)


def labels_of_words(words: Iterable[str]) -> LabelSet:
    """The label set of class names: the seven basic expressions, and contempt where it is named; or a set of their own.

    Both are in alphabetical order.

    Raises:
        LabelsError: words that make no label set.
    """
    names = {canonical(word) for word in words}
    if names <= set(Expression):
        names |= set(Expression) - {Expression.CONTEMPT}
    return label_set(sorted(names))


def numbering(labels: LabelSet) -> dict[str, str]:
    """The class of each number, as data sets write them: RAF-DB counts from 1, all others from 0."""
    first = 1 if labels.id == "rafdb" else 0
    return {str(number): name for number, name in enumerate(labels.names, start=first)}


def _names(store: Store, split: str) -> list[str]:
    """All that lies in a split's folder, or folders: `Test` and `test` are one."""
    tops = [top for top in _tops(store) if split == UNDIVIDED or SPLIT_OF.get(top.lower()) == split]
    return sorted(name for top in tops for name in store.names(top))


def _tops(store: Store) -> list[str]:
    return [name.rstrip("/") for name in store.names("") if name.endswith("/")]


def _below(name: str, split: str) -> tuple[str, ...]:
    """What comes below the folder of the split in a name; it begins with the class folder."""
    return PurePosixPath(name).parts[split != UNDIVIDED :] or ("",)


def _undivided(store: Store) -> bool:
    """Whether all folders at the top are classes: with pictures or empty, and not named like a split."""
    tops = _tops(store)
    named = any(top.lower().endswith(tuple(SPLIT_OF)) for top in tops)
    if len(tops) < 2 or named:
        return False
    inside = [store.names(top) for top in tops]
    return any(inside) and all(
        any(name.count("/") == 1 and is_picture(store, name) for name in names) for names in inside if names
    )


def _classes(store: Store, split: str) -> list[str]:
    """The class folders of a split, sorted."""
    if split == UNDIVIDED:
        return sorted(_tops(store))
    parts = (_below(name, split) for name in _names(store, split) if name.endswith("/"))
    return sorted({part[0] for part in parts if len(part) == 1 and part[0]})


def _told(store: Store, folders: list[str]) -> tuple[LabelSet, dict[str, str]]:
    """The label set that class folders tell, and each folder's class."""
    numbers = {int(folder) for folder in folders if folder.isdecimal()}
    if not numbers:
        return labels_of_words(folders), {folder: canonical(folder) for folder in folders}
    labels = _NUMBERED.get(frozenset(numbers))
    if labels is None or not all(folder.isdecimal() for folder in folders):
        known = "; ".join(f"{min(keys)}..{max(keys)} is {labels}" for keys, labels in _NUMBERED.items())
        raise LabelsError(
            f"{store.path}: the class folders {', '.join(folders)} are no numbering that is known: {known}. "
            "Give the folders words, such as happiness, or make empty ones for the missing numbers"
        )
    return labels, {folder: labels.names[int(folder) - min(numbers)] for folder in folders}


def _named(store: Store, folders: list[str], labels: LabelSet) -> tuple[LabelSet, dict[str, str]]:
    """The named label set, and each folder's class in it; in AffectNet's case contempt may be one more."""
    numbers = numbering(labels)
    known = {**numbers, **{name: name for name in labels.names}}
    if labels.id == "affectnet7":
        known |= dict.fromkeys(("7", Expression.CONTEMPT.value), Expression.CONTEMPT.value)
    plain = {folder: str(int(folder)) if folder.isdecimal() else canonical(folder) for folder in folders}
    classes = {folder: known.get(plain[folder], "") for folder in folders}
    strangers = [folder for folder in folders if not classes[folder]]
    missing = [name for name in labels.names if name not in classes.values()]
    if strangers or missing:
        what = f"{', '.join(strangers)} are none of" if strangers else f"{', '.join(missing)} have no folder among"
        raise DatasetError(
            f"{store.path}: the class folders are {', '.join(folders)}; {what} the classes of {labels}, numbered "
            f"{min(numbers)}..{max(numbers)}. Rename the folders, make empty ones for missing classes, or name "
            "another data set"
        )
    return labels, classes
