"""Rows become curves with the gaps that the faces left, and long videos become means that say how many they are of."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from posterv2.errors import UsageError
from posterv2.inference.curves import POINTS, Curves, Row, Timeline
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.inference.strips import MOST_TRACKS, clock, read_events, shown, ticks

FPS = 25


def face(happiness: float, track: int | None = 1, expression: str = "happiness") -> Face:
    return Face(
        (0, 0, 9, 9), 0.9, expression, happiness, {"neutral": 1 - happiness, "happiness": happiness}, track=track
    )


def frames(count: int, there: range | None = None, source: str = "a.mp4") -> Iterator[Result]:
    """One face whose happiness rises from 0 to 1, in the frames of `there`."""
    for number in range(count):
        seen = (face(number / count),) if there is None or number in there else ()
        yield Result(source, 64, 48, seen, frame=number, time=number / FPS)


def as_row(result: Result) -> dict[str, object]:
    """As a CSV reader gives it."""
    row: dict[str, object] = {"source": result.source, "frame": str(result.frame), "time": f"{result.time:.6f}"}
    row |= {"track": "", "expression": "", "p_neutral": "", "p_happiness": ""}
    for one in result.faces:
        row |= {"track": str(one.track), "expression": one.expression}
        row |= {f"p_{name}": f"{share:.6f}" for name, share in one.probabilities.items()}
    return row


def only(rows: Iterable[Row]) -> Curves:
    [curves] = Timeline(rows).curves()
    return curves


def test_few_frames_are_points_of_their_own():
    curves = only(frames(100))
    [curve] = curves.curves
    assert curves.merged == 1
    assert curves.step == pytest.approx(1 / FPS)
    assert curves.span == pytest.approx((-0.02, 99 / FPS + 0.02))
    np.testing.assert_allclose(curve.shares[:, 1], np.arange(100) / 100, atol=1e-6)
    np.testing.assert_allclose(curve.shares.sum(axis=1), 1, atol=1e-6)
    assert curve.runs == [slice(0, 100)]


def test_rows_of_a_table_are_the_same_as_results():
    results = list(frames(60, range(10, 50)))
    one, other = only(iter(results)), only(as_row(result) for result in results)
    np.testing.assert_allclose(one.curves[0].shares, other.curves[0].shares, atol=1e-6)
    np.testing.assert_array_equal(one.curves[0].points, other.curves[0].points)
    assert one.frames == other.frames == 60
    nan = dict.fromkeys(("track", "expression", "p_neutral", "p_happiness"), float("nan"))  # as pandas says nothing
    assert only([{"source": "a.mp4", "time": 0.0, **nan}]).curves == []


def test_a_face_that_was_absent_leaves_a_gap():
    there = [*range(20), *range(30, 31), *range(60, 100)]
    rows = [result for result in frames(100) if result.frame in there]
    rows += [Result("a.mp4", 64, 48, (), frame=n, time=n / FPS) for n in range(100) if n not in there]
    [curve] = only(rows).curves
    assert curve.runs == [slice(0, 20), slice(20, 21), slice(21, 61)]
    assert curve.points[curve.runs[2]].tolist() == list(range(60, 100))


def test_a_face_that_was_absent_in_one_frame_leaves_a_gap():
    rows = [result for result in frames(100) if result.frame != 40]
    [curve] = only([*rows, Result("a.mp4", 64, 48, (), frame=40, time=40 / FPS)]).curves
    assert curve.runs == [slice(0, 40), slice(40, 99)]


def test_frames_without_rows_leave_a_gap_too():
    [curve] = only(result for result in frames(100) if not 40 <= result.frame < 50).curves
    assert curve.runs == [slice(0, 40), slice(40, 90)]


def test_long_videos_are_thinned_to_means():
    curves = only(frames(20_000, range(15_000)))
    [curve] = curves.curves
    assert curves.merged == 25
    assert len(curves.times) == POINTS
    assert len(curve.points) == 600
    assert curve.frames == 15_000
    np.testing.assert_allclose(curve.shares[:, 1], (np.arange(600) * 25 + 12) / 20_000, atol=1e-5)
    np.testing.assert_allclose(curves.times[:3] * FPS, [12, 37, 62])
    [(_, _, notes)] = shown([curves])
    assert notes == ["20,000 frames shown as 800 points, each the mean of 25 frames (1 s)"]


def test_what_is_mostly_uncertain_is_kept_as_that():
    rows = [
        Result("a.mp4", 9, 9, (face(0.5, expression=UNCERTAIN if n < 1000 or n % 4 == 0 else "happiness"),), n, n / FPS)
        for n in range(1600)
    ]
    [curve] = only(rows).curves
    assert curve.uncertain[:500].all()
    assert not curve.uncertain[500:].any()


def test_tracks_and_sources_stay_apart_and_in_order():
    rows = [
        Result("b.mp4", 9, 9, (face(0.1, 12), face(0.2, 3)), 0, 0.0),
        Result("a.mp4", 9, 9, (face(0.3, 3),), 0, 5.0),
        Result("b.mp4", 9, 9, (face(0.4, 3),), 1, 0.04),
    ]
    b, a = Timeline(rows).curves()
    assert (b.source, a.source) == ("b.mp4", "a.mp4")
    assert [curve.name for curve in b.curves] == ["#3", "#12"]
    assert b.curves[0].shares[:, 1].tolist() == pytest.approx([0.2, 0.4])
    assert a.span == (4.5, 5.5)


def test_rows_in_any_order():
    rows = list(frames(50))
    np.testing.assert_array_equal(only(rows[::-1]).curves[0].shares, only(iter(rows)).curves[0].shares)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Result("photo.jpg", 9, 9, ()), "row 2: photo.jpg has no time"),
        ({"source": "a.mp4", "time": ""}, "row 2: a.mp4 has no time"),
        ({"source": "a.mp4", "time": "soon"}, "row 2: time has to be a number, got 'soon'"),
        ({"source": "a.mp4", "time": float("inf")}, "row 2: time has to be a number, got inf"),
        ({"source": "a.mp4", "time": 1, "p_neutral": 0.5}, "row 2: the classes have to be those of the rows before"),
        ({"source": "a.mp4", "time": 1, "p_neutral": 0.5, "p_happiness": ""}, "row 2: each p_<name>"),
        ({"source": "a.mp4", "time": 1, "p_neutral": 1.5, "p_happiness": 0}, "row 2: each p_<name>"),
    ],
)
def test_rows_that_cannot_be(row: Row, says: str):
    timeline = Timeline(frames(1))
    with pytest.raises(UsageError, match=says):
        timeline.add(row)


@pytest.mark.parametrize("track", [None, 4])
def test_two_faces_of_one_track_at_one_time(track: int | None):
    timeline = Timeline([Result("a.mp4", 9, 9, (face(0.1, track), face(0.2, track)), 0, 1.5)])
    with pytest.raises(UsageError, match=r"a\.mp4: there are two faces .*1\.500 s"):
        timeline.curves()


def test_the_tracks_seen_longest_are_shown():
    rows = [
        Result(
            "a.mp4", 9, 9, tuple(face(0.5, track) for track in range(1, 101) if number < track), number, number / FPS
        )
        for number in range(100)
    ]
    [(_, kept, notes)] = shown([only(rows)])
    assert [curve.track for curve in kept] == list(range(101 - MOST_TRACKS, 101))
    assert notes == ["60 tracks that were seen for a shorter time are not shown"]
    with pytest.raises(UsageError, match="room for 40 sources, got 41"):
        shown([only(rows)] * 41)


@pytest.mark.parametrize(
    "event",
    [
        {"track": 1, "expression": "anger", "onset": 0.5},
        {"track": 1, "expression": "anger", "onset": 0.5, "offset": "late"},
        {"track": "one", "expression": "anger", "onset": 0.5, "offset": 1},
    ],
)
def test_events_that_cannot_be(event: dict[str, object]):
    with pytest.raises(UsageError, match="event 1 needs a track"):
        read_events([event], [only(frames(9))])


def test_events_of_several_sources_say_which():
    sources = [only(frames(9)), only(frames(9, source="b.mp4"))]
    event = {"track": 1, "expression": "anger", "onset": "0.5", "offset": "1"}
    with pytest.raises(UsageError, match="event 1 needs a source"):
        read_events([event], sources)
    assert read_events([event], sources[:1])[0].source == "a.mp4"
    assert read_events([{**event, "source": "b.mp4"}], sources)[0].onset == 0.5


@pytest.mark.parametrize("count", [1, 2, 30, 2_000, 20_000, 200_000])
def test_the_axis_has_a_few_round_times(count: int):
    curves = Curves("a.mp4", np.arange(count) / FPS, 1 / FPS, count, 1, [])
    at = ticks(curves)
    assert len(at) <= 10
    assert len(at) >= (3 if count > 20 else 0)
    assert all(curves.span[0] <= time <= curves.span[1] for time in at)


def test_clock():
    assert [clock(time) for time in (0, 0.5, 59, 60, 65.2, 3600, 7325)] == [
        "0 s", "0.5 s", "59 s", "1:00", "1:05", "1:00:00", "2:02:05",
    ]  # fmt: skip
