"""Clips of real faces, made by PyAV: each frame says its own number in a strip of black and white squares."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FIXTURES = Path(__file__).parents[1] / "fixtures" / "faces"
ASTRONAUT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
RATE = 30
_BITS, _SIDE = 8, 16


def picture(number: int, width: int = 160, height: int = 120) -> np.ndarray:
    """The astronaut beside a small face, moving, with `number` written below; (height, width, 3), uint8."""
    with Image.open(ASTRONAUT) as photo, Image.open(FIXTURES / "happiness_1.png") as face:
        scene = Image.fromarray(np.roll(np.asarray(photo.convert("RGB").resize((width, height))), 2 * number, axis=1))
        scene.paste(face.convert("RGB"), (number % 20, 8))
    image = np.array(scene)
    for bit in range(_BITS):
        image[-_SIDE:, bit * _SIDE : (bit + 1) * _SIDE] = 255 * (number >> bit & 1)
    return image


def number_in(image: np.ndarray) -> int:
    """What `picture` wrote into it."""
    squares = [image[-_SIDE + 4 : -4, bit * _SIDE + 4 : (bit + 1) * _SIDE - 4] for bit in range(_BITS)]
    return sum((square.mean() > 127) << bit for bit, square in enumerate(squares))


def make_clip(
    path: Path,
    frames: int = 40,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    stamps: Sequence[int] | None = None,
    size: tuple[int, int] = (160, 120),
    turn: int | None = None,
    mirror: bool = False,
    format: str | None = None,
    **options: Any,
) -> Path:
    """A clip of `frames` frames, a keyframe every tenth, at 30 a second or at `stamps`, in milliseconds."""
    import av

    settings = {"g": "10", "threads": "1"} | {name.replace("_", "-"): str(value) for name, value in options.items()}
    movflags = {"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", format=format, options=movflags) as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=settings)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if turn is not None:
            stream.set_display_rotation(turn, hflip=mirror)
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, RATE if stamps is None else 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
