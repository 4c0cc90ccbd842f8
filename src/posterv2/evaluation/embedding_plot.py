"""A set's faces as points: alike ones lie together, the colour is the truth, a cross is a mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posterv2.errors import require
from posterv2.evaluation.answers import Answers
from posterv2.files import whole
from posterv2.inference.colours import DARK, WHITE, colours, css

_FEW = 200  # faces, and fewer, get larger points


def draw_embedding(path: str | Path, points: np.ndarray, answers: Answers, title: str) -> None:
    """Write a PNG of 1600 x 1200 pixels.

    Args:
        path: where to; the file is there whole or not at all.
        points: (N, 2), any unit: the axes mean nothing, so none are drawn.
        answers: about the same N pictures.
        title: above it.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    require("matplotlib", "explain")
    from matplotlib.figure import Figure  # no pyplot: no window, no global state
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(16, 12), layout=ConstrainedLayoutEngine(h_pad=0.4, w_pad=0.4), facecolor=css(DARK))
    axes = figure.add_subplot(facecolor=css(DARK))
    axes.set_axis_off()
    axes.set_aspect("equal", "datalim")
    axes.set_title(title.replace("$", r"\$"), color=css(WHITE), fontsize=18, loc="left")
    names, shades = answers.labels.names, colours(answers.labels.names)
    colour = np.array([css(shades[name]) for name in names])[answers.targets]
    size, right = (120 if len(points) <= _FEW else 26), answers.right
    axes.scatter(*points[right].T, s=size, c=colour[right], linewidths=0, alpha=0.85)
    axes.scatter(*points[~right].T, s=1.4 * size, c=colour[~right], marker="x", linewidths=1.6)
    counts = np.bincount(answers.targets, minlength=len(names))
    dot = {"linestyle": "", "marker": "o", "markersize": 11}
    handles = [
        Line2D([], [], color=css(shades[name]), label=f"{name}  {count:,}", **dot)
        for name, count in zip(names, counts, strict=True)
        if count
    ]
    handles.append(Line2D([], [], linestyle="", label=""))
    handles.append(Line2D([], [], color=css(WHITE), label=f"named rightly  {right.sum():,}", **dot))
    cross = {"linestyle": "", "marker": "x", "markersize": 10, "markeredgewidth": 2}
    handles.append(Line2D([], [], color=css(WHITE), label=f"taken for another  {(~right).sum():,}", **cross))
    figure.legend(
        handles=handles, loc="outside right upper", frameon=False, labelcolor=css(WHITE), fontsize=15, labelspacing=0.9
    )
    with whole(path) as draft:
        figure.savefig(draft, format="png", dpi=100)
