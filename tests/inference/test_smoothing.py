"""Smoothing: a stated time constant at any frame rate, one track apart from the other, and nothing kept for ever."""

import json
import math

import numpy as np
import pytest

from posterv2.errors import UsageError
from posterv2.inference.smoothing import TIME_CONSTANT, Smoother

SAD, GLAD = np.array([0.9, 0.1], np.float32), np.array([0.2, 0.8], np.float32)


def test_a_first_answer_stands_as_it_is() -> None:
    assert np.array_equal(Smoother()(1, 5.0, SAD), SAD.astype(np.float64))


@pytest.mark.parametrize("times", [[0.3], [0.04, 0.1, 0.3], np.arange(1, 31) / 100, [0.0, 0.0, 0.299, 0.3]])
def test_after_a_time_constant_63_percent_are_through_at_any_frame_rate(times: list[float]) -> None:
    smoother = Smoother(0.3)
    answer = smoother(1, 0.0, SAD)
    for time in times:
        answer = smoother(1, time, GLAD)
    np.testing.assert_allclose(answer, GLAD + math.exp(-1) * (SAD - GLAD), atol=1e-7)


def test_answers_sum_to_one() -> None:
    noise, smoother = np.random.default_rng(0), Smoother()
    for frame in range(500):
        answer = smoother(1, frame * noise.uniform(0.01, 0.1), noise.dirichlet(np.ones(8)).astype(np.float32))
        assert answer.sum() == pytest.approx(1, abs=1e-6)
        assert answer.min() >= 0


def test_tracks_know_nothing_of_each_other() -> None:
    both, alone = Smoother(), Smoother()
    for frame in range(20):
        row = SAD if frame % 3 else GLAD
        both(2, frame / 25, GLAD)
        assert np.array_equal(both(1, frame / 25, row), alone(1, frame / 25, row))


def test_one_seen_again_after_long_starts_anew() -> None:
    smoother = Smoother(0.3)
    smoother(1, 0.0, SAD)
    assert not np.array_equal(smoother(1, 2.9, GLAD), GLAD.astype(np.float64))
    assert np.array_equal(smoother(1, 6.0, SAD), SAD.astype(np.float64))


def test_memory_holds_who_was_seen_lately() -> None:
    smoother = Smoother(0.1)
    for track in range(5000):
        smoother(track, track * 0.04, SAD)
        smoother(-1, track * 0.04, SAD)
    answers = smoother.to_state()["answers"]
    assert len(answers) <= 27
    assert -1 in [track for track, _, _ in answers]


def test_zero_leaves_answers_and_keeps_nothing() -> None:
    smoother = Smoother(0)
    for row in (SAD, GLAD):
        assert np.array_equal(smoother(1, 0.0, row), row.astype(np.float64))
    assert smoother.to_state()["answers"] == []


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped() -> None:
    noise, whole, smoother = np.random.default_rng(1), Smoother(), Smoother()
    for frame in range(60):
        smoother = Smoother.from_state(json.loads(json.dumps(smoother.to_state())))
        for track in (1, 2 + frame // 20):
            row = noise.dirichlet(np.ones(8)).astype(np.float32)
            assert np.array_equal(smoother(track, frame / 7, row), whole(track, frame / 7, row))
    assert smoother.to_state() == whole.to_state()
    assert whole.time_constant == TIME_CONSTANT


@pytest.mark.parametrize("wrong", [-0.1, math.inf, math.nan])
def test_a_time_constant_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match=str(wrong)):
        Smoother(wrong)
