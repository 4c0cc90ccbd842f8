"""Onsets and offsets: from results as they come, from rows that were kept, in one go or in many."""

import csv
import io
import json
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from posterv2.errors import UsageError
from posterv2.inference.events import COLUMNS, Event, Events, events_in, to_csv
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.inference.rows import columns_of, csv_line, rows_of

SHORT = {"n": "neutral", "h": "happiness", "f": "fear", "?": UNCERTAIN}


def video(shown: str, fps: float = 10, track: int = 1, source: str = "clip.mp4") -> list[Result]:
    """A frame a letter: `n`, `h` and `f` are expressions, `?` is uncertain, `.` no face."""
    frames = []
    for number, letter in enumerate(shown):
        faces: tuple[Face, ...] = ()
        if letter != ".":
            probability = round(0.5 + number / 1000, 6)
            faces = (Face((0, 0, 9, 9), 1.0, SHORT[letter], probability, {}, track=track),)
        frames.append(Result(source, 20, 20, faces, number, round(number / fps, 6)))
    return frames


def found(results: Iterable[Result], shortest: float = 0.5, bridge: float = 0.5) -> list[Event]:
    events = Events(shortest, bridge)
    ended = [event for result in results for event in events.add(result)]
    return ended + events.finish()


def brief(events: Iterable[Event]) -> list[tuple[str, float, float]]:
    return [(event.expression, event.onset, event.offset) for event in events]


def test_an_event_has_its_times_and_its_peak() -> None:
    [event] = found(video("......hhhhhhh" + "." * 9))
    assert (event.source, event.track, event.expression) == ("clip.mp4", 1, "happiness")
    assert (event.onset, event.offset, event.peak, event.peak_time) == (0.6, 1.2, 0.512, 1.2)
    assert event.duration == pytest.approx(0.6)
    assert event.mean_probability == pytest.approx(0.509)


def test_the_peak_is_the_first_of_the_highest() -> None:
    events = Events()
    for number, probability in enumerate([0.5, 0.8, 0.6, 0.8, 0.7]):
        events.add_frame("clip", float(number), [(1, "fear", probability)])
    [event] = events.finish()
    assert (event.peak, event.peak_time) == (0.8, 1.0)


@pytest.mark.parametrize(
    ("shown", "events"),
    [
        ("hhhhhh", [("happiness", 0.0, 0.5)]),
        ("hhhhh", []),  # 0.4 s
        ("hhhhhhnnnnnn", [("happiness", 0.0, 0.5), ("neutral", 0.6, 1.1)]),
        ("hhh....hhh", [("happiness", 0.0, 0.9)]),
        ("hhh????hhh", [("happiness", 0.0, 0.9)]),
        ("hhhnnnnhhh", [("happiness", 0.0, 0.9)]),
        ("hhhn.?fhhh", [("happiness", 0.0, 0.9)]),
        ("hhhhhh.....hhhhhh", [("happiness", 0.0, 0.5), ("happiness", 1.1, 1.6)]),  # 0.6 s from frame to frame
        ("hhhhhhnnnnnhhhhhh", [("happiness", 0.0, 0.5), ("happiness", 1.1, 1.6)]),  # neutral for 0.4 s is none
        ("hhhhhhn?nfnnnnn.n", [("happiness", 0.0, 0.5), ("neutral", 0.6, 1.6)]),
        ("hhhhhhnffffffffff", [("happiness", 0.0, 0.5), ("fear", 0.7, 1.6)]),
        ("hnhnhnhnhnhn", [("happiness", 0.0, 1.0)]),
        ("????????", []),
        ("........", []),
    ],
)
def test_short_gaps_are_bridged_and_short_events_are_none(shown: str, events: list[tuple[str, float, float]]) -> None:
    assert brief(found(video(shown))) == events
    assert brief(found(video(shown + "." * 20))) == events


def test_no_two_events_of_a_track_overlap() -> None:
    letters = np.random.default_rng(0)
    for _ in range(50):
        shown = "".join(letters.choice(list("hhhhhnnf?."), 60).repeat(letters.integers(1, 4, 60)))
        events = found(video(shown), shortest=0)
        assert all(first.offset < second.onset for first, second in pairwise(events))


def test_frames_thinned_to_one_a_second_break_nothing() -> None:
    assert brief(found(video("hhhhnnn", fps=1))) == [("happiness", 0.0, 3.0), ("neutral", 4.0, 6.0)]
    assert brief(found(video("hh.hh", fps=1))) == [("happiness", 0.0, 1.0), ("happiness", 3.0, 4.0)]


def test_an_event_comes_out_as_soon_as_it_has_ended() -> None:
    events = Events()
    counts = [len(events.add(result)) for result in video("hhhhhhhh" + "n" * 12)]
    assert counts.index(1) == 13  # 0.6 s after the last happy frame
    assert brief(events.finish()) == [("neutral", 0.8, 1.9)]
    assert events.finish() == []


def test_tracks_and_videos_are_apart() -> None:
    one, two = video("hhhhhhhh"), video("nnnnnnnn", track=2)
    both = [Result("a", 20, 20, a.faces + b.faces, a.frame, a.time) for a, b in zip(one, two, strict=True)]
    again = video("hhhhhhh", source="b")
    photo = Result("photo.jpg", 20, 20, one[0].faces)
    assert [(event.source, event.track, event.expression, event.offset) for event in found([*both, *again, photo])] == [
        ("a", 1, "happiness", 0.7),
        ("a", 2, "neutral", 0.7),
        ("b", 1, "happiness", 0.6),
    ]


def test_rows_read_back_give_the_same() -> None:
    results = [*video("hhhh..hhhhnnnnnnn?fhhhhhhhhhh..."), *video("nnnnnnnn", source="b", track=7)]
    results.append(Result("photo.jpg", 20, 20, ()))
    rows = [row for result in results for row in rows_of(result, ())]
    text = csv_line(columns_of(())) + "".join(csv_line(row.values()) for row in rows)
    assert len(found(results)) == 4
    assert list(events_in(rows)) == found(results)
    assert list(events_in(csv.DictReader(io.StringIO(text)))) == found(results)


def test_rows_of_something_else_are_refused() -> None:
    with pytest.raises(UsageError, match="'track'"):
        list(events_in([{"source": "a", "frame": 0, "time": 0.0}]))


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped() -> None:
    results = video("hhh.hhhnnnfhhh?hhhhhhhhnnnnnnnfffffffff.fhhhnnnnnnn")
    events, ended = Events(0.2, 0.3), []
    for result in results:
        events = Events.from_state(json.loads(json.dumps(events.to_state())))
        ended += events.add(result)
    assert ended + events.finish() == found(results, 0.2, 0.3)


def test_memory_holds_the_last_seconds() -> None:
    events = Events()
    sizes = []
    for number in range(3000):
        events.add_frame("clip", number / 25, [(number // 10, "fear", 0.5), (-1, "hn"[number % 2], 0.5)])
        sizes.append(len(json.dumps(events.to_state())))
    assert max(sizes[2000:]) < 1.1 * max(sizes[200:400])


def test_a_table_has_a_line_an_event() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(found(video("hhhhhhhh"))))))
    assert tuple(rows[0]) == COLUMNS
    assert rows == [
        dict(zip(COLUMNS, ["clip.mp4", "1", "happiness", "0.000000", "0.700000", "0.700000", "0.507000", "0.700000",
                           "0.503500"], strict=True))
    ]  # fmt: skip
    assert to_csv([]) == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(("shortest", "bridge"), [(-1, 0.5), (0.5, float("nan"))])
def test_times_that_cannot_be_are_refused(shortest: float, bridge: float) -> None:
    with pytest.raises(UsageError, match="in seconds"):
        Events(shortest, bridge)
