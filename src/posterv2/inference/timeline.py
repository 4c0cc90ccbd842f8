"""Each track's expressions over time, as a picture; `timeline_page` makes a page of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posterv2.errors import require
from posterv2.files import whole
from posterv2.inference.colours import DARK, colours, css
from posterv2.inference.curves import Curve, Curves, Timeline
from posterv2.inference.strips import (
    Event,
    clock,
    events_of,
    named_places,
    outline,
    read_events,
    shown,
    stacked,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EVENTS = -0.26, 0.16  # lower edge and height of the strip of events, where the probabilities reach 0..1
_LOWEST = -0.4
_FAINT = "#50555c"
_RAIL = "#e9ebee"  # where there is no face


def draw_timeline(path: str | Path, timeline: Timeline, events: Iterable[Mapping[str, object]] = ()) -> None:
    """Write a PNG with one row a track: its probabilities stacked over time, and its events below them.

    Gaps are left where the face was absent. Of more than 800 frames means are drawn, and the picture says so.

    Args:
        path: where to; the file is there whole or not at all.
        timeline: what was collected.
        events: rows with `track`, `expression`, `onset` and `offset` in seconds, and `source` where there are several.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: the events are none, or as `Timeline.curves` raises it.
        OutputError: the file cannot be written.
    """
    require("matplotlib", "plot")
    from matplotlib.figure import Figure  # no pyplot: no window, no global state
    from matplotlib.patches import Patch

    sources = timeline.curves()
    found = read_events(events, sources)
    order = stacked(timeline.names)
    shades = {name: css(colour) for name, colour in colours(timeline.names).items()}
    kept = shown(sources)
    rows = sum(max(1, len(tracks)) for _, tracks, _ in kept)
    lowest = _LOWEST if found else 0.0
    figure = Figure(figsize=(12, 1.2 + (1.0 - 0.7 * lowest) * max(1, rows)), layout="constrained")
    number = 0
    for curves, tracks, notes in kept:
        for curve in tracks or [None]:
            number += 1
            axes = figure.add_subplot(rows, 1, number)
            _set_up(axes, curves, lowest, at=ticks(curves) if curve is None or curve is tracks[-1] else [])
            if curve is None or curve is tracks[0]:
                axes.set_title(_plain("  ·  ".join([curves.source, *notes])), loc="left", fontsize=10)
            if curve is not None:
                _draw_curve(axes, curves, curve, timeline.names, order, shades)
                _draw_events(axes, events_of(found, curves, curve), shades)
    patches = [Patch(facecolor=shades[name], label=name) for name in timeline.names]
    patches.append(Patch(facecolor=_RAIL, label="no face"))
    figure.legend(handles=patches, loc="outside upper center", ncols=len(patches), frameon=False, handlelength=1)
    with whole(path) as draft:
        figure.savefig(draft, format="png", dpi=110)


def _set_up(axes: Axes, curves: Curves, lowest: float, at: Sequence[float]) -> None:
    axes.set_xticks(at, [clock(seconds) for seconds in at], color=_FAINT)
    axes.tick_params(axis="x", length=3, color=_FAINT)
    axes.tick_params(axis="y", length=0, labelsize=11)
    axes.set(xlim=curves.span, ylim=(lowest, 1), yticks=[])
    axes.axhspan(0, 1, color=_RAIL, linewidth=0)
    axes.spines[:].set_visible(False)


def _draw_curve(
    axes: Axes, curves: Curves, curve: Curve, names: Sequence[str], order: Sequence[int], shades: Mapping[str, str]
) -> None:
    axes.set_yticks([0.5], [curve.name])
    for run in curve.runs:
        times, shares = outline(curves, curve, run)
        areas = axes.stackplot(times, *(shares[:, index] for index in order), linewidth=0.25, edgecolor="white")
        for area, index in zip(areas, order, strict=True):
            area.set_facecolor(shades[names[index]])
    for time, height, index, _ in named_places(curves, curve, order):
        axes.text(time, height, _plain(names[index]), ha="center", va="center", fontsize=9, color=css(DARK))


def _draw_events(axes: Axes, events: Sequence[Event], shades: Mapping[str, str]) -> None:
    spans = [(event.onset, event.offset - event.onset) for event in events]
    axes.broken_barh(spans, _EVENTS, facecolors=[shades.get(event.expression, _RAIL) for event in events], linewidth=0)


def _plain(text: str) -> str:
    """Text that matplotlib takes as it is: dollars would begin a formula, and it fails at bytes that are no text."""
    signs = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return "".join(signs).replace("$", r"\$")
