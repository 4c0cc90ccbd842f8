"""The figures of a report as SVG, which reads well at any size, in light and dark."""

from collections.abc import Iterable
from html import escape

import numpy as np

from posterv2.evaluation.answers import BINS, Answers
from posterv2.evaluation.evaluate import Evaluation
from posterv2.evaluation.intervals import interval
from posterv2.evaluation.selective import risk_coverage
from posterv2.evaluation.wording import visible

_SIDE, _LEFT, _TOP, _RIGHT, _BOTTOM = 300, 66, 12, 34, 42  # of a square plot and its margins, in units of the SVG
_ROW, _BAR = 54, 12  # of a class in the bars, and of one bar
_NAMES, _LENGTH, _VALUES = 92, 260, 190  # widths: names, bars, values beside them
_POINTS = 200  # of a curve
_SHADES = {"precision": "#4f7fd6", "recall": "#e8871c", "f1": "#7c858f"}
_STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#16181d}.faint{fill:#5a6068}.rail{stroke:#c9cdd3}"
    ".line{fill:none;stroke:#4f7fd6;stroke-width:2}.ink{stroke:#16181d}"
    "@media(prefers-color-scheme:dark){text{fill:#eceef1}.faint{fill:#a2a8b0}.rail{stroke:#3d424a}.ink{stroke:#eceef1}}"
    "</style>"
)


def reliability(answers: Answers) -> str:
    """How often answers are right against how sure they are, in `BINS` bins of equal mass, with 95 % intervals."""
    bins, confidences, right = answers.bins(), answers.confidences, answers.right
    marks = [_line(_across(0), _down(0), _across(1), _down(1), "rail")]
    for number in range(BINS):
        inside = bins == number
        if not inside.any():
            continue
        count, share, sure = int(inside.sum()), float(right[inside].mean()), float(confidences[inside].mean())
        low, high = wilson(share, count)
        says = f"{count} faces: {sure:.1%} sure, {share:.1%} right ({low:.1%} to {high:.1%})"
        x = _across(sure)
        marks.append(
            f"<g><title>{says}</title>{_line(x, _down(low), x, _down(high), 'ink')}"
            f'<circle cx="{x:.1f}" cy="{_down(share):.1f}" r="4" fill="#4f7fd6"/></g>'
        )
    return _plot(
        marks, "how sure", "how often right", "Reliability: how often answers are right against how sure they are"
    )


def risk_against_coverage(answers: Answers) -> str:
    """The share of wrong answers when only the surest are given, against how many are."""
    curve = risk_coverage(answers)
    count = len(curve.risks)
    places = np.unique(np.linspace(0, count - 1, _POINTS).astype(int)) if count else np.array([], int)
    top = max(0.05, float(curve.risks.max(initial=0)))
    points = " ".join(
        f"{_across(float(curve.coverages[at])):.1f},{_down(float(curve.risks[at]) / top):.1f}" for at in places
    )
    marks = [f'<polyline class="line" points="{points}"/>']
    return _plot(marks, "share of faces answered", "share of these wrong", "Risk against coverage", top)


def class_bars(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each class, with their intervals."""
    names = evaluation.labels.names
    samples = evaluation.answers.confusion_matrix.sum(axis=1)
    marks: list[str] = []
    for index, name in enumerate(names):
        top = _TOP + 22 + index * _ROW
        marks.append(f'<text x="{_NAMES - 8}" y="{top + 22}" text-anchor="end">{escape(visible(name))}</text>')
        marks.append(f'<text class="faint" x="{_NAMES - 8}" y="{top + 36}" text-anchor="end">{samples[index]:,}</text>')
        for place, (metric, shade) in enumerate(_SHADES.items()):
            value = float(evaluation.figures.per_class[metric][0, index])
            if np.isnan(value):
                continue
            low, high = interval(evaluation.replicates.per_class[metric][:, index])
            y = top + 4 + place * (_BAR + 2)
            says = f"{value:.1%} ({low:.1%} to {high:.1%})"
            marks.append(
                f'<rect x="{_NAMES}" y="{y}" width="{value * _LENGTH:.1f}" height="{_BAR}" fill="{shade}"/>'
                + _line(_NAMES + low * _LENGTH, y + _BAR / 2, _NAMES + high * _LENGTH, y + _BAR / 2, "ink")
                + f'<text class="faint" x="{_NAMES + _LENGTH + 8}" y="{y + _BAR - 2}">{says}</text>'
            )
    legend = "".join(
        f'<rect x="{_NAMES + 90 * place}" y="{_TOP - 4}" width="12" height="12" fill="{shade}"/>'
        f'<text x="{_NAMES + 90 * place + 17}" y="{_TOP + 6}">{metric.replace("f1", "F1")}</text>'
        for place, (metric, shade) in enumerate(_SHADES.items())
    )
    width, height = _NAMES + _LENGTH + _VALUES, _TOP + 26 + len(names) * _ROW
    return _svg(width, height, legend + "".join(marks), "Precision, recall and F1 of each class, with 95 % intervals")


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _plot(marks: Iterable[str], across: str, up: str, title: str, top: float = 1.0) -> str:
    """A square plot; both axes begin at 0, the upright one ends at `top`."""
    axes = [
        _line(_across(0), _down(0), _across(1), _down(0), "ink"),
        _line(_across(0), _down(0), _across(0), _down(1), "ink"),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        axes.append(
            f'<text class="faint" x="{_across(share):.0f}" y="{_down(0) + 16}" text-anchor="middle">{share:.0%}</text>'
        )
        says = f"{share * top:.0%}" if top == 1 else f"{share * top:.1%}"
        axes.append(f'<text class="faint" x="{_LEFT - 6}" y="{_down(share) + 4:.0f}" text-anchor="end">{says}</text>')
    middle = _down(0.5)
    axes.append(f'<text x="{_across(0.5)}" y="{_down(0) + 34}" text-anchor="middle">{across}</text>')
    axes.append(f'<text x="10" y="{middle}" text-anchor="middle" transform="rotate(-90 10 {middle})">{up}</text>')
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    return _svg(width, height, "".join(axes) + "".join(marks), title)


def _svg(width: float, height: float, inside: str, title: str) -> str:
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return f"{head}{_STYLE}{inside}</svg>"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="1.5"/>'


def _across(share: float) -> float:
    return _LEFT + 10 + share * _SIDE


def _down(share: float) -> float:
    return _TOP + (1 - share) * _SIDE
