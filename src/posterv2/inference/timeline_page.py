"""Each track's expressions over time as one HTML file that asks for nothing else and runs wherever it is opened."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from posterv2.inference.colours import colours, css
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

_WIDE, _HIGH = 10_000, 1_000  # of an SVG's own units, which its page stretches
_ROOMY = 0.2  # of the time axis: shorter areas have no room for their name on a phone


def timeline_html(timeline: Timeline, events: Iterable[Mapping[str, object]] = ()) -> str:
    """A page with one row a track: its probabilities stacked over time, and its events below them.

    It follows the reader's light or dark theme, tells time and probabilities where one points, and is used by keys too.
    Gaps are left where the face was absent. Of more than 800 frames means are shown, and the page says so.

    Args:
        timeline: what was collected.
        events: rows with `track`, `expression`, `onset` and `offset` in seconds, and `source` where there are several.

    Raises:
        UsageError: the events are none, or as `Timeline.curves` raises it.
    """
    sources = timeline.curves()
    found = read_events(events, sources)
    names, order = timeline.names, stacked(timeline.names)
    shades = {name: css(colour) for name, colour in colours(names).items()}
    sections, data = [], []
    for curves, tracks, notes in shown(sources):
        head = [] if len(sources) == 1 else [f"<h2>{escape(curves.source)}</h2>"]
        head += [f"<p>{escape('; '.join(notes))}.</p>"] if notes else []
        body = [
            _track(curves, curve, names, order, shades, events_of(found, curves, curve), with_events=bool(found))
            for curve in tracks
        ]
        axis = f'<div class="track">{_axis(curves)}</div>' if tracks else ""
        sections.append(f"<section>{''.join(head)}{''.join(body)}{axis}</section>")
        data.append(_data(curves, tracks))
    title = "Expressions over time" if len(sources) != 1 else sources[0].source
    template = Template(files("posterv2.inference").joinpath("timeline.html").read_text(encoding="utf-8"))
    about = " The strip below a track shows events, from onset to offset." if found else ""
    legend = [_swatch(shades[name], name) for name in names] + [_swatch("var(--rail)", "no face")]
    packed = {"names": names, "colours": [shades[name] for name in names], "sources": data}
    return template.substitute(
        title=escape(title),
        about=about,
        legend="".join(f"<li>{swatch}</li>" for swatch in legend),
        sections="\n".join(sections),
        data=json.dumps(packed, separators=(",", ":")).replace("<", "\\u003c"),  # no name can end the script
    )


def _track(
    curves: Curves,
    curve: Curve,
    names: Sequence[str],
    order: Sequence[int],
    shades: Mapping[str, str],
    events: Sequence[Event],
    with_events: bool,
) -> str:
    begin, end = curves.span
    areas = "".join(_areas(curves, curve, run, order, [shades[name] for name in names]) for run in curve.runs)
    labels = "".join(
        f'<span class="name{"" if length >= _ROOMY * (end - begin) else " short"}" '
        f'style="left:{_percent(time, curves)};top:calc({1 - height:.3f} * 5.6rem)">{escape(names[index])}</span>'
        for time, height, index, length in named_places(curves, curve, order)
    )
    strip = ""
    if with_events:
        bars = "".join(_event(curves, event, shades) for event in events)
        strip = (
            f'<svg class="events" viewBox="0 0 {_WIDE} 10" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'
        )
    says = escape(f"{curve.name}, seen in {curve.frames:,} frames; arrow keys move in time")
    return (
        f'<div class="track"><b>{curve.name}</b><div class="plot" tabindex="0" role="slider" aria-label="{says}" '
        f'aria-valuemin="0" aria-valuemax="{len(curves.times) - 1}" aria-valuenow="{curve.points[0]}">'
        f'<svg class="areas" viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" aria-hidden="true">{areas}</svg>'
        f'{labels}{strip}<div class="cursor"></div></div></div>'
    )


def _areas(curves: Curves, curve: Curve, run: slice, order: Sequence[int], shades: Sequence[str]) -> str:
    """One path a class, the highest first: each reaches down to the ground, and the next one covers its lower part."""
    times, shares = outline(curves, curve, run)
    begin, end = curves.span
    across = ((times - begin) / (end - begin) * _WIDE).round().astype(int).tolist()
    tops = (_HIGH * (1 - shares[:, list(order)].cumsum(axis=1).clip(0, 1))).round().astype(int)
    paths = []
    for layer in range(len(order) - 1, -1, -1):
        line = "L".join(f"{x} {y}" for x, y in zip(across, tops[:, layer].tolist(), strict=True))
        paths.append(f'<path fill="{shades[order[layer]]}" d="M{across[0]} {_HIGH}L{line}L{across[-1]} {_HIGH}Z"/>')
    return "".join(paths)


def _event(curves: Curves, event: Event, shades: Mapping[str, str]) -> str:
    begin, end = curves.span
    left, right = ((min(max(time, begin), end) - begin) / (end - begin) * _WIDE for time in (event.onset, event.offset))
    shade = shades.get(event.expression, "var(--faint)")
    says = f"{event.expression}, {clock(event.onset)} to {clock(event.offset)}"
    width = max(right - left, 1)
    return f'<rect x="{left:.0f}" width="{width:.0f}" height="10" fill="{shade}"><title>{escape(says)}</title></rect>'


def _axis(curves: Curves) -> str:
    marks = (f'<span style="left:{_percent(time, curves)}">{clock(time)}</span>' for time in ticks(curves))
    return f'<div class="axis">{"".join(marks)}</div>'


def _data(curves: Curves, tracks: Sequence[Curve]) -> dict[str, object]:
    """What the page's script looks up: times in seconds, shares in thousandths."""
    return {
        "span": [round(time, 4) for time in curves.span],
        "times": curves.times.round(3).tolist(),
        "merged": curves.merged,
        "tracks": [
            {
                "name": curve.name,
                "points": curve.points.tolist(),
                "shares": (1000 * curve.shares).round().astype(int).ravel().tolist(),
                "uncertain": curve.uncertain.nonzero()[0].tolist(),
            }
            for curve in tracks
        ],
    }


def _swatch(colour: str, name: str) -> str:
    return f'<span class="swatch" style="--c:{colour}"></span>{escape(name)}'


def _percent(time: float, curves: Curves) -> str:
    begin, end = curves.span
    return f"{100 * (time - begin) / (end - begin):.2f}%"
