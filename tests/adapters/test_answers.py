"""Eight classes as the seven of other libraries."""

import pytest

from posterv2.adapters.answers import SEVEN, seven
from tests.adapters.conftest import EIGHT, face


def test_contempt_is_left_out_and_the_rest_sums_to_one_again():
    shares = seven(face())
    assert list(shares) == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert sum(shares.values()) == pytest.approx(1)
    for theirs, ours in SEVEN.items():
        assert shares[theirs] == pytest.approx(EIGHT[ours] / 0.84)


def test_a_face_of_nothing_but_contempt_says_nothing_of_the_others():
    shares = seven(face({**dict.fromkeys(EIGHT, 0.0), "contempt": 1.0}))
    assert list(shares.values()) == [pytest.approx(1 / 7)] * 7
