"""Decoding a video in order: every frame with its number and time, to the end or to where the file is broken.

A place in the video is found by its packets, which is quick, and gone to by way of the keyframe before it. Where time
stamps are missing or the container cannot be searched, the video is decoded from its begin: slower, the same frames.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from posterv2.errors import VideoError, require
from posterv2.preprocessing import MAX_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    Numbered = tuple[int, float, VideoFrame]

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,h264,hevc,mpegvideo,m4v,ivf,mxf,dv,nut"
"""What is opened, told by content. Playlists are not: they would read other files and addresses."""

_USUAL_RATE = Fraction(25)  # frames a second, where a video does not tell
_REORDERED = 40  # frames; no codec decodes a frame more than 16 others before it is shown, each in two fields
_MISSING = 2.5  # frames that a video may be shorter than it says


@dataclass(frozen=True)
class Place:
    """A frame that decoding can begin at.

    Attributes:
        number: of the frame.
        stamp: the frame's time stamp, in the stream's time base.
        key: time stamp to seek to, of the keyframe that the frame is decoded from.
        origin: time stamp of the video's first frame.
        before: time of the frame before it in seconds; None for the first.
    """

    number: int
    stamp: int
    key: int
    origin: int
    before: float | None


class MissedError(Exception):
    """The container did not lead to the place it was asked for."""


@contextmanager
def opened(path: Path, name: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video file and its pictures.

    Raises:
        VideoError: missing, empty, no video, of an unknown codec, or over `MAX_PIXELS`.
    """
    av = require("av", "video")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise VideoError(f"{name}: the file is empty")
        # The prefix keeps names with a colon from being taken for addresses.
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (OSError, ValueError, av.FFmpegError) as error:
        raise VideoError(f"{name}: not a video that can be read: {reason(error)}") from error
    with container:
        yield container, _stream(container, name)


def rate_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """Frames a second, on average."""
    average, guessed = stream.average_rate, stream.guessed_rate
    if container.duration is None:  # bare streams: the average is what FFmpeg takes without looking
        average, guessed = guessed, average
    return average or guessed or _USUAL_RATE


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds from the first frame to the end of the last one, as the file says; None where it does not."""
    if stream.duration:
        return float(stream.duration * (stream.time_base or 0))
    with suppress(KeyError, ValueError):  # Matroska's own: 00:01:02.500000000
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration and len(container.streams) == 1:
        return container.duration / 1_000_000
    return None


def find(path: Path, name: str, first: int, begun: Callable[[float], bool]) -> Place | None:
    """The first frame from number `first` on whose time has `begun`, told by packets, without decoding.

    None where it is decoded from the video's begin anyway, or where packets do not tell.

    Raises:
        VideoError: as from `opened`.
    """
    av = require("av", "video")
    stamps: list[int] = []
    keys: list[tuple[int, int]] = []  # time stamps of showing and of decoding
    behind = 0
    with opened(path, name) as (container, stream):
        base = stream.time_base or Fraction(1)
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    return None
                if packet.is_keyframe:
                    keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
                if not keys or packet.pts < keys[0][0]:  # before the first keyframe nothing can be decoded
                    continue
                stamps.append(packet.pts)
                behind += len(stamps) > first and begun(float((packet.pts - keys[0][0]) * base))
                if behind > _REORDERED:
                    break
        except av.FFmpegError:
            return None
    stamps.sort()
    number = bisect_left(stamps, True, lo=first, key=lambda stamp: begun(float((stamp - stamps[0]) * base)))
    if number >= len(stamps) or len(set(stamps)) < len(stamps):
        return None
    key = max(key for key in keys if key[0] <= stamps[number])
    if key == keys[0]:
        return None
    before = float((stamps[number - 1] - stamps[0]) * base)
    return Place(number, stamps[number], key[1], stamps[0], before)


def decoded(path: Path, name: str, place: Place | None = None) -> Generator[Numbered, None, None]:
    """Frames with their numbers and their times in seconds from the first one, from `place` or from the begin on.

    Times rise: where stamps are missing or go back, a frame comes one frame's duration after the one before it.

    Raises:
        VideoError: as from `opened`, and at the end where the video is broken or damaged.
        MissedError: before any frame: `place` cannot be gone to.
    """
    with opened(path, name) as (container, stream):
        base, step = stream.time_base or Fraction(1), 1 / float(rate_of(container, stream))
        if place is not None:
            container.seek(place.key, stream=stream)
        number, origin = (0, None) if place is None else (place.number, place.origin)
        time = None if place is None else place.before
        damaged: list[tuple[int, float]] = []
        ending = _Ending()
        arrived = place is None
        for frame in _pictures(container, stream, ending, place is not None):
            if place is not None and not arrived:
                if frame.pts is None or frame.pts > place.stamp:
                    raise MissedError
                arrived = frame.pts == place.stamp
                if not arrived:
                    continue
            if origin is None:
                origin = frame.pts
            stamp = None if frame.pts is None or origin is None else float((frame.pts - origin) * base)
            time = 0.0 if time is None else stamp if stamp is not None and stamp > time else time + step
            if frame.is_corrupt:
                damaged.append((number, time))
            yield number, time, frame
            number += 1
        if not arrived:
            raise MissedError
    if time is None:
        raise VideoError(f"{name}: no frame of it can be decoded: {ending.reason or 'it holds none'}")
    if ending.reason:
        raise VideoError(f"{name}: broken behind frame {number - 1}, at {time:.3f} s: {ending.reason}")
    if damaged:
        first, at = damaged[0]
        raise VideoError(f"{name}: {len(damaged)} damaged frame(s), the first of them {first}, at {at:.3f} s")


@dataclass
class _Ending:
    """Why the frames ended before the video did; None where they did not."""

    reason: str | None = None


def _pictures(container: InputContainer, stream: VideoStream, ending: _Ending, sought: bool) -> Iterator[VideoFrame]:
    """Frames in the order in which they are shown, up to the end or the first thing that cannot be decoded."""
    av = require("av", "video")
    begun, reached, settled = False, 0, None
    start = stream.start_time or 0
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                break
            if sought and not packet.is_keyframe:
                raise MissedError
            sought = False
            try:
                frames = packet.decode()
            except av.FFmpegError:
                if begun:
                    raise
                frames = []  # recordings begin anywhere: what comes before the first keyframe is not missed
            reached = max(reached, (packet.pts or 0) - start + (packet.duration or 0))
            settled = None if packet.dts is None else packet.dts + (packet.duration or 0)
            begun = begun or bool(frames)
            yield from frames
    except av.FFmpegError as error:
        ending.reason = reason(error)
    duration, seconds = duration_of(container, stream), float(reached * (stream.time_base or 0))
    if (
        not ending.reason
        and duration is not None
        and reached
        and seconds < duration - _MISSING / rate_of(container, stream)
    ):
        ending.reason = f"the file ends at {seconds:.3f} of {duration:.3f} s"
    with suppress(av.FFmpegError):
        for frame in stream.codec_context.decode(None):
            # Behind a break, a frame from the decoder may be shown after ones that are lost, and has no number.
            if not ending.reason or settled is None or frame.pts is None or frame.pts <= settled:
                yield frame


def _stream(container: InputContainer, name: str) -> VideoStream:
    av = require("av", "video")
    covers = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise VideoError(f"{name}: there are no moving pictures in this file")
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError(f"{name}: the video is of a kind that cannot be decoded")
    check_size(stream.codec_context.width, stream.codec_context.height, name)
    return stream


def check_size(width: int, height: int, name: str) -> None:
    """Refuse frames of more than `MAX_PIXELS`.

    Raises:
        VideoError: they are larger.
    """
    if width * height > MAX_PIXELS:
        raise VideoError(f"{name}: {width} x {height} pixels a frame is over the limit of {MAX_PIXELS:,} pixels")


def reason(error: Exception) -> str:
    """What FFmpeg or the system says, without numbers and paths."""
    return str(getattr(error, "strerror", None) or error)
