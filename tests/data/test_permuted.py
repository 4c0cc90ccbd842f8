from collections import Counter

import pytest

from posterv2.data.permuted import PUBLISHED, by_counts, by_pairs

TRAIN = PUBLISHED["RAF-DB's training set"]
NAMES = list(TRAIN)


def _renamed(counts: dict[str, int], order: list[str]) -> dict[str, int]:
    return dict(zip(order, counts.values(), strict=True))


@pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)
def test_the_published_counts_are_right_under_their_own_names(published: dict[str, int]) -> None:
    assert by_counts(published) is None
    assert by_counts({name: count // 2 for name, count in published.items()}) is None


def test_the_published_counts_add_up() -> None:
    assert [sum(counts.values()) for counts in PUBLISHED.values()] == [12_271, 3_068, 287_651, 283_901]


@pytest.mark.parametrize("title", PUBLISHED)
def test_the_same_counts_under_other_names_are_found(title: str) -> None:
    names = list(PUBLISHED[title])
    order = names[1:] + names[:1]
    assert by_counts(_renamed(PUBLISHED[title], order)) == (title, dict(zip(order, names, strict=True)))


def test_two_classes_of_nearly_one_size_are_told_apart_by_exact_counts() -> None:
    swapped = {**TRAIN, "disgust": TRAIN["anger"], "anger": TRAIN["disgust"]}
    assert by_counts(swapped) == ("RAF-DB's training set", {"disgust": "anger", "anger": "disgust"})


def test_a_part_of_a_set_is_told_by_its_shares() -> None:
    half = {name: count // 2 for name, count in _renamed(TRAIN, NAMES[::-1]).items()}
    found = by_counts(half)
    assert found is not None
    assert found[1]["neutral"] == "surprise"
    few = {name: count // 40 for name, count in _renamed(TRAIN, NAMES[::-1]).items()}
    assert by_counts(few) is None


@pytest.mark.parametrize(
    "counts",
    [
        dict.fromkeys(NAMES, 500),
        {},
        {"cat": 1290, "dog": 281},
        dict.fromkeys(NAMES, 0),
        {
            "anger": 3995,
            "disgust": 436,
            "fear": 4097,
            "happiness": 7215,
            "sadness": 4830,
            "surprise": 3171,
            "neutral": 4965,
        },
    ],
    ids=["even", "none", "other classes", "empty", "FER2013"],
)
def test_other_sets_are_not_taken_for_one(counts: dict[str, int]) -> None:
    assert by_counts(counts) is None


@pytest.mark.parametrize(
    ("pairs", "moved"),
    [
        ({("fear", "anger"): 4, ("anger", "fear"): 2, ("joy", "joy"): 9}, {"fear": "anger", "anger": "fear"}),
        ({("fear", "anger"): 3}, {"fear": "anger"}),
        ({("fear", "anger"): 2}, None),  # chance
        ({("fear", "fear"): 90, ("anger", "anger"): 4, ("anger", "fear"): 5}, None),  # not one to one
        ({("fear", "anger"): 5, ("fear", "joy"): 4, ("joy", "fear"): 3}, None),  # no agreement
        ({("fear", "fear"): 5}, None),
        ({}, None),
    ],
)
def test_splits_that_disagree_about_shared_pictures(pairs: dict[tuple[str, str], int], moved: dict | None) -> None:
    assert by_pairs(Counter(pairs)) == moved
