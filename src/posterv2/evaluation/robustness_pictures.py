"""Robustness to look at: accuracy over strength for each corruption, and one face under all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from posterv2.errors import require
from posterv2.evaluation.corruptions import CORRUPTIONS, STRENGTHS, Corruption, is_grey
from posterv2.evaluation.robustness import Robustness, Trial
from posterv2.files import whole
from posterv2.inference import lettering
from posterv2.inference.classifier import Classifier, probabilities
from posterv2.inference.colours import Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 4  # plots in a row
_SIDE, _GAP, _MARGIN, _NAMES = 112, 16, 30, 130  # pixels: of a face, between faces, around the page, of the names
_TITLE, _HEAD, _TEXT, _SMALL = 22, 16, 14, 12  # sizes of text, in pixels
_TILE = _SIDE + 44  # height of a face with what is written below it
_TOP = 70
_PAPER: Colour = (250, 250, 248)
_INK: Colour = (24, 26, 32)
_FAINT: Colour = (92, 96, 104)


def draw_robustness(path: str | Path, found: Robustness) -> None:
    """Write a PNG with a plot for each corruption: accuracy, mean probability and uncertain answers over the strength.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    require("matplotlib", "plot")
    from matplotlib.figure import Figure  # no pyplot: no window, no global state
    from matplotlib.ticker import PercentFormatter

    kinds = list(dict.fromkeys(trial.corruption for trial in found.trials if trial.corruption is not None))
    high = -(-len(kinds) // _ACROSS)
    figure = Figure(figsize=(3.6 * _ACROSS, 3 * high + 0.8), layout="constrained")
    places: list[Axes] = list(figure.subplots(high, _ACROSS, sharey=True, squeeze=False).flat)
    for axes, kind in zip(places, kinds, strict=False):
        _curves(axes, found, kind)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in places[len(kinds) :]:
        axes.set_axis_off()
    figure.suptitle(found.title.replace("$", r"\$"))
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    with whole(path) as draft:
        figure.savefig(draft, format="png", dpi=100)


def _curves(axes: Axes, found: Robustness, kind: Corruption) -> None:
    """Of one corruption, over its strengths in order, the faces as they are before all."""
    chosen = [at for at, trial in enumerate(found.trials) if trial.corruption in (None, kind)]
    trials: list[Trial] = [found.trials[at] for at in chosen]
    below, across = found.uncertain_below, range(len(trials))
    low, high = zip(*(found.intervals[at] for at in chosen), strict=True)
    axes.fill_between(across, low, high, alpha=0.25, linewidth=0)
    axes.plot(across, [trial.accuracy for trial in trials], marker="o", label="accuracy, with its 95 % interval")
    axes.plot(across, [trial.confidence for trial in trials], "--", label="mean probability")
    axes.plot(across, [trial.uncertain(below) for trial in trials], ":", label=f"uncertain (below {below:.0%})")
    axes.set_title(kind.name)
    start, number, end = re.split(r"({.*?})", kind.unit)  # the unit stands once, below all numbers
    axes.set_xticks(across, ["as it is", *(number.format(trial.strength) for trial in trials[1:])])
    axes.set_xlabel(" ".join(f"{start}{end}".split()))
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


def draw_corrupted(path: str | Path, classifier: Classifier, face: np.ndarray, uncertain_below: float) -> None:
    """Write one page, a .png or .jpg: a face (H, W, 3) uint8 RGB under each corruption, and what the classifier says.

    An answer less probable than `uncertain_below` has a question mark. Corruptions of colours are left out for a face
    without any.

    Raises:
        OutputError: the file cannot be written.
    """
    kinds = [kind for kind in CORRUPTIONS if not (kind.of_colour and is_grey(face))]
    rows = [[face, *(kind(face, strength, 0) for strength in kind.strengths)] for kind in kinds]
    answers = probabilities(classifier, [seen for row in rows for seen in row]).reshape(len(rows), STRENGTHS + 1, -1)
    width = 2 * _MARGIN + _NAMES + (STRENGTHS + 1) * (_SIDE + _GAP) - _GAP
    pixels = np.full((_TOP + len(rows) * (_TILE + _GAP) - _GAP + _MARGIN, width, 3), _PAPER, np.uint8)
    title = f"One face under each corruption, and what {classifier.header.name} says"
    lettering.write(pixels, lettering.shortened(title, _TITLE, width - 2 * _MARGIN), _TITLE, _MARGIN, _TOP // 2, _INK)
    for number, (kind, row) in enumerate(zip(kinds, rows, strict=True)):
        band = pixels[_TOP + number * (_TILE + _GAP) :][:_TILE]
        lettering.write(band, kind.name, _HEAD, _MARGIN, _SIDE // 2, _INK)
        words = ["as it is", *map(kind.says, kind.strengths)]
        for column, (seen, shares) in enumerate(zip(row, answers[number], strict=True)):
            left = _MARGIN + _NAMES + column * (_SIDE + _GAP)
            likeliest = int(shares.argmax())
            says = classifier.header.labels.names[likeliest] + "?" * bool(shares[likeliest] < uncertain_below)
            _tile(band[:, left : left + _SIDE], seen, f"{says} {shares[likeliest]:.0%}", words[column])
    with whole(path) as draft:
        Image.fromarray(pixels).save(draft, "PNG" if Path(path).suffix.lower() == ".png" else "JPEG", quality=90)


def _tile(pixels: np.ndarray, face: np.ndarray, says: str, words: Sequence[str] | str) -> None:
    """A face as large as its place, its pixels to be seen; what was answered and what was done, below it."""
    scale = _SIDE / max(face.shape[:2])
    size = max(1, round(face.shape[1] * scale)), max(1, round(face.shape[0] * scale))
    shown = cv2.resize(face, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    pixels[top : top + size[1], left : left + size[0]] = shown
    lettering.write(pixels, lettering.shortened(says, _TEXT, _SIDE, tail=0.4), _TEXT, 0, _SIDE + 14, _INK)
    lettering.write(pixels, lettering.shortened(str(words), _SMALL, _SIDE), _SMALL, 0, _SIDE + 33, _FAINT)
