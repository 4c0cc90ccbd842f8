"""The newest frame alone, whatever the camera and the work are like; no test here looks at a real clock."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from posterv2.errors import VideoError
from posterv2.inference.frames import Frame
from posterv2.inference.live import Newest, Tally, run_live
from posterv2.inference.results import Result

PERIOD = 0.04  # seconds between two frames of the fake camera
IMAGE = np.zeros((4, 4, 3), np.uint8)


class Camera:
    """Gives a frame when it is asked to, on a clock of its own that only it moves."""

    def __init__(self, error: Exception | None = None) -> None:
        self.now = 0.0
        self.left = False
        self._error = error
        self._changed = threading.Condition()
        self._asked = self._given = self._put_away = 0
        self._off = False

    def ask(self, count: int = 1) -> None:
        """Let it give `count` more frames."""
        with self._changed:
            self._asked += count
            self._changed.notify_all()

    def give(self, count: int) -> None:
        """Back when `count` more frames were put away by whoever reads them, and nearly a period has gone by since."""
        self.ask(count)
        with self._changed:
            assert self._changed.wait_for(lambda: self._put_away == self._asked, 60)
            self.now += 0.9 * PERIOD

    def switch_off(self) -> None:
        with self._changed:
            self._off = True
            self._changed.notify_all()

    def frames(self) -> Iterator[Frame]:
        try:
            while True:
                with self._changed:
                    self._put_away = self._given  # who asks for another one has put the last one away
                    self._changed.notify_all()
                    assert self._changed.wait_for(lambda: self._off or self._given < self._asked, 60)
                    if self._given == self._asked:
                        break
                    index = self._given
                    self.now = index * PERIOD
                    self._given += 1
                yield Frame("camera:0", index, index * PERIOD, IMAGE)
            if self._error:
                raise self._error
        finally:
            self.left = True


def result(frame: Frame) -> Result:
    return Result(frame.source, 4, 4, (), frame.index, frame.time)


def run(camera: Camera, work: Callable[[Frame], None], until: int) -> tuple[list[int], Tally]:
    """The numbers of the frames that were shown; `work` is done on each."""
    shown: list[int] = []
    tally = Tally()

    def predict(frame: Frame) -> Result:
        work(frame)
        return result(frame)

    def show(frame: Frame, result: Result) -> None:
        assert result.frame == frame.index
        shown.append(frame.index)

    def stopped() -> bool:
        if len(shown) == until:
            camera.switch_off()
        return len(shown) == until

    camera.ask()
    run_live(camera.frames(), predict, show, stopped, tally, lambda: camera.now)
    return shown, tally


@pytest.mark.parametrize("slower", [1, 2, 3, 10])
def test_slow_work_always_begins_on_the_newest_frame(slower: int):
    """While a frame is worked on, the camera gives `slower` others; all but the last of them are dropped."""
    camera = Camera()
    ages = []

    def work(frame: Frame) -> None:
        ages.append(camera.now - (frame.time or 0.0))
        camera.give(slower)

    shown, tally = run(camera, work, until=20)
    assert shown == [number * slower for number in range(20)]
    assert max(ages) < PERIOD
    assert tally.shown == 20
    assert tally.dropped == 19 * (slower - 1) + slower - 1
    assert tally.longest < 2 * slower * PERIOD, "two frame times of the work, which is the slower one"
    assert tally.latency <= tally.longest


def test_no_frame_is_dropped_where_the_work_is_quicker():
    camera = Camera()
    camera.ask()
    shown: list[int] = []
    tally = Tally()

    def show(frame: Frame, result: Result) -> None:
        shown.append(frame.index)
        if len(shown) == 5:
            camera.switch_off()
        else:
            camera.ask()

    run_live(camera.frames(), result, show, lambda: False, tally, lambda: camera.now)
    assert shown == [0, 1, 2, 3, 4]
    assert (tally.shown, tally.dropped) == (5, 0)


def test_the_last_frame_is_shown_before_the_end():
    frames = [Frame("camera:0", index, index * PERIOD, IMAGE) for index in range(3)]
    shown: list[int] = []
    tally = Tally()
    run_live(iter(frames), result, lambda frame, result: shown.append(frame.index), lambda: False, tally)
    assert shown[-1] == 2
    assert tally.shown + tally.dropped == 3


def test_an_unplugged_camera_is_an_error_after_its_last_frame():
    camera = Camera(VideoError("camera:0: it gives no picture"))
    tally = Tally()
    shown: list[int] = []

    def show(frame: Frame, result: Result) -> None:
        shown.append(frame.index)
        camera.switch_off()

    camera.ask()
    with pytest.raises(VideoError, match="no picture"):
        run_live(camera.frames(), result, show, lambda: False, tally)
    assert shown == [0]
    assert (tally.shown, tally.dropped) == (1, 0)


def test_a_wish_to_stop_is_heard_while_the_camera_gives_nothing():
    camera = Camera()
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        if len(asked) == 3:
            camera.switch_off()
        return len(asked) == 3

    run_live(camera.frames(), result, lambda frame, result: None, stopped, Tally())
    assert camera.left


def test_the_camera_is_let_go_when_the_work_fails():
    camera = Camera()

    def predict(frame: Frame) -> Result:
        camera.switch_off()
        raise ValueError("broken")

    camera.ask()
    with pytest.raises(ValueError, match="broken"):
        run_live(camera.frames(), predict, lambda frame, result: None, lambda: False, Tally())
    assert camera.left


def test_nothing_is_waited_for_where_nothing_comes():
    camera = Camera()
    newest = Newest(camera.frames())
    assert newest.take(0) is None
    assert not newest.finished()
    camera.switch_off()
    newest.close()
    assert newest.finished()


def test_a_camera_that_never_ends_is_let_go_when_nobody_takes_its_frames():
    left = threading.Event()

    def frames() -> Iterator[Frame]:
        try:
            while True:
                yield Frame("camera:0", 0, 0.0, IMAGE)
        finally:
            left.set()

    newest = Newest(frames())
    newest.close()
    assert left.is_set()
