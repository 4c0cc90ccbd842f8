"""Which index is which expression: the label sets of the field, and mapping between them by name.

Positions never travel alone: weights carry a `LabelSet`, data sets carry a `LabelSet`, and
`mapping` joins the two by name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from posterv2.errors import LabelsError


class Expression(StrEnum):
    """The eight expressions of the field, under one name each."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    CONTEMPT = "contempt"


_SYNONYMS = {
    "angry": Expression.ANGER,
    "contemptuous": Expression.CONTEMPT,
    "disgusted": Expression.DISGUST,
    "fearful": Expression.FEAR,
    "afraid": Expression.FEAR,
    "happy": Expression.HAPPINESS,
    "joy": Expression.HAPPINESS,
    "natural": Expression.NEUTRAL,
    "sad": Expression.SADNESS,
    "surprised": Expression.SURPRISE,
}


def canonical(word: str) -> str:
    """The one name of a class: `Happy`, `happiness` and `JOY` are all `happiness`.

    A word outside the eight expressions comes back lower-cased and stripped, so that own classes work.
    """
    word = word.strip().lower()
    return str(_SYNONYMS.get(word, word))


@dataclass(frozen=True)
class LabelSet:
    """The label contract: class names in index order, and the data set the order comes from.

    Attributes:
        id: `rafdb`, `affectnet7`, ... or `custom`.
        names: one name an index, each once, and each as `canonical` gives it: matching is by name.

    Raises:
        LabelsError: names that cannot be; `label_set` takes any spelling.
    """

    id: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2 or not all(self.names):
            raise LabelsError(f"a label set needs at least two names, none of them empty, got {list(self.names)}")
        if others := [name for name in self.names if name != canonical(name)]:
            raise LabelsError(f"the class {others[0]!r} has to stand as {canonical(others[0])!r} in a label set")
        if len(set(self.names)) != len(self.names):
            raise LabelsError(f"each class name may stand once in a label set, got {list(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The index of a class by any of its names.

        Raises:
            LabelsError: the set has no such class.
        """
        try:
            return self.names.index(canonical(name))
        except ValueError:
            raise LabelsError(f"there is no class {name!r} in {self}") from None

    def __str__(self) -> str:
        return f"{self.id} ({', '.join(self.names)})"


_N, _H, _SU, _SA, _A, _D, _F, _C = (expression.value for expression in Expression)

LABEL_SETS: dict[str, LabelSet] = {
    label_set.id: label_set
    for label_set in (
        LabelSet("rafdb", (_SU, _F, _D, _H, _SA, _A, _N)),
        LabelSet("affectnet7", (_N, _H, _SA, _SU, _F, _D, _A)),
        LabelSet("affectnet8", (_N, _H, _SA, _SU, _F, _D, _A, _C)),
        LabelSet("caers", (_A, _D, _F, _H, _N, _SA, _SU)),
        LabelSet("ferplus", (_N, _H, _SU, _SA, _A, _D, _F, _C)),
        LabelSet("fer2013", (_A, _D, _F, _H, _SA, _SU, _N)),
    )
}


def label_set(choice: str | Sequence[str] | LabelSet) -> LabelSet:
    """The label set of an id (`rafdb`), of names in index order (a list, or one string with commas), or itself.

    Raises:
        LabelsError: no such id, or names that make no label set.
    """
    if isinstance(choice, LabelSet):
        return choice
    if isinstance(choice, str):
        if choice in LABEL_SETS:
            return LABEL_SETS[choice]
        if "," not in choice:
            raise LabelsError(f"there is no label set {choice!r}; {choices()}")
        choice = choice.split(",")
    names = tuple(canonical(name) for name in choice)
    known = next((known for known in LABEL_SETS.values() if known.names == names), None)
    return known or LabelSet("custom", names)


def choices() -> str:
    """What a user may name as labels, in words."""
    return f"choose one of {', '.join(LABEL_SETS)}, or give the class names in index order, with commas between them"


def mapping(source: LabelSet, target: LabelSet, unused: Collection[str] = ()) -> dict[int, int]:
    """For each index of `source`, the index of the same name in `target`; names in `unused` may lack a partner.

    Raises:
        LabelsError: another class of `source` is not in `target`; the message shows both lists.
    """
    strangers = [name for name in source.names if name not in target.names]
    if refused := [name for name in strangers if name not in unused]:
        raise LabelsError(f"{', '.join(refused)} of {source} is not in {target}")
    return {source.names.index(name): target.names.index(name) for name in source.names if name not in strangers}
