"""An evaluation for people to read, as one HTML page that asks for nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from posterv2 import __version__
from posterv2.checkpoints.description import described
from posterv2.checkpoints.header import WeightsHeader
from posterv2.data.split import Split
from posterv2.evaluation.evaluate import METHOD, Evaluation
from posterv2.evaluation.figures import class_bars, reliability, risk_against_coverage
from posterv2.evaluation.intervals import interval
from posterv2.evaluation.mistakes import Mistake, surest_mistakes
from posterv2.evaluation.selective import risk_coverage
from posterv2.evaluation.wording import TITLES, in_words, share, visible

_RISKS = (0.05, 0.02)  # at which the share of faces that can be answered is told

Table = list[list[str]]
"""Rows of cells, the first of them the heads."""


@dataclass(frozen=True, eq=False)
class Report:
    """All that is reported, in plain words and numbers, whatever it is written as.

    Attributes:
        evaluation: what was found.
        header: of the weights.
        mistakes: the surest ones.
        command: that does it again.
    """

    evaluation: Evaluation
    header: WeightsHeader
    mistakes: Sequence[Mistake]
    command: str

    @property
    def title(self) -> str:
        """What was measured on what."""
        return f"{self.evaluation.weights} on {Path(self.evaluation.data).name}, split {self.evaluation.split}"

    @property
    def subtitle(self) -> str:
        """How many faces, when, and by what."""
        day = datetime.now(UTC).date().isoformat()
        return f"{len(self.evaluation.answers):,} faces, {day}, posterv2 {__version__}"

    def summary(self) -> Table:
        """Each figure with its interval, and as shipped where that was measured."""
        sets = [(self.evaluation.figures, self.evaluation.replicates)]
        heads = ["", "value", "95 % interval"]
        if self.evaluation.shipped_figures is not None:
            sets.append(self.evaluation.shipped_figures)
            heads += ["as shipped", "95 % interval"]
        rows = [heads]
        for key, title in TITLES.items():
            row = [title]
            for values, drawn in sets:
                row += in_words(key, float(values.single[key][0]), interval(drawn.single[key]))
            rows.append(row)
        return rows

    def confusion(self) -> list[list[tuple[int, float]]]:
        """Counts, and shares of their rows."""
        matrix = self.evaluation.confusion_matrix
        totals = np.maximum(1, self.evaluation.answers.confusion_matrix.sum(axis=1))
        return [
            [(int(count), float(count) / float(total)) for count in row]
            for row, total in zip(matrix, totals, strict=True)
        ]

    def about(self) -> Table:
        """What the set is and what the weights are."""
        evaluation, header = self.evaluation, self.header
        counts = evaluation.answers.confusion_matrix.sum(axis=1)
        faces = ", ".join(f"{name} {count:,}" for name, count in zip(evaluation.labels.names, counts, strict=True))
        rows = [
            ["data", evaluation.data],
            ["read as", f"{evaluation.dataset}, split {evaluation.split}"],
            ["manifest", evaluation.manifest],
            ["faces", faces],
            *([f"weights: {what}", found] for what, found in described(header)),
        ]
        return [["what", ""], *rows]

    def risk_says(self) -> str:
        """What abstention brings, in words."""
        curve = risk_coverage(self.evaluation.answers)
        kept = ", ".join(f"{curve.coverage_at(risk):.0%} of the faces with at most {risk:.0%} wrong" for risk in _RISKS)
        return f"Answering only the surest: {kept}. Area under the curve {curve.area:.3f}."

    def reliability_says(self) -> str:
        """What the error of calibration is, in words."""
        value = float(self.evaluation.figures.single["ece"][0])
        low, high = interval(self.evaluation.replicates.single["ece"])
        return f"Expected calibration error {value:.3f} ({low:.3f} to {high:.3f}), {METHOD['ece']}."

    def groups(self) -> list[tuple[str, Table]]:
        """A table for each attribute."""
        tables = []
        for attribute in self.evaluation.attributes:
            rows = [[attribute.name, "faces", "accuracy", "95 % interval", "mean class accuracy", "95 % interval"]]
            for group in attribute.groups:
                row = [group.name, f"{group.samples:,}" + " (few)" * group.few]
                for key in ("accuracy", "mean_class_accuracy"):
                    row += in_words(key, *group.values[key])
                rows.append(row)
            tables.append((attribute.name, rows))
        return tables


def report(evaluation: Evaluation, header: WeightsHeader, split: Split, command: str) -> Report:
    """What to report.

    Args:
        split: the pictures that were evaluated.
        command: that does it again.

    Raises:
        DatasetError, ImageError: a picture cannot be read any more.
    """
    return Report(evaluation, header, surest_mistakes(evaluation.answers, split), command)


def as_html(found: Report) -> str:
    """One page; it follows the reader's light or dark theme."""
    evaluation = found.evaluation
    template = Template(files("posterv2.evaluation").joinpath("report.html").read_text(encoding="utf-8"))
    notes = [
        f'<p class="{"warn" if note == evaluation.gravest else ""}">{_text(note)}</p>' for note in evaluation.notes()
    ]
    groups = "".join(
        f"<h2>By {_text(name)}</h2><div class='wide'>{_table(rows)}</div>" for name, rows in found.groups()
    )
    return template.substitute(
        title=_text(found.title),
        subtitle=_text(found.subtitle),
        notes="".join(notes),
        summary=_table(found.summary()),
        method=_text(f"Intervals: {METHOD['intervals']}."),
        confusion=_confusion(evaluation.labels.names, found.confusion()),
        reliability=reliability(evaluation.answers),
        reliability_says=_text(found.reliability_says()),
        risk=risk_against_coverage(evaluation.answers),
        risk_says=_text(found.risk_says()),
        bars=class_bars(evaluation),
        groups=groups,
        mistakes_say=_text(mistakes_say(found)),
        mistakes="".join(map(_mistake, found.mistakes)),
        about=_table(found.about(), "text"),
        command=_text(found.command),
    )


def mistakes_say(found: Report) -> str:
    """How many mistakes are shown, in words."""
    total = int((~found.evaluation.answers.right).sum())
    return (
        f"{len(found.mistakes)} of {total:,} wrong answers, the surest first. Sometimes it is the label that is wrong."
    )


def _table(rows: Table, kind: str = "") -> str:
    head = "".join(f"<th scope='col'>{_text(cell)}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td class='{kind}'>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _confusion(names: Sequence[str], rows: list[list[tuple[int, float]]]) -> str:
    head = "".join(f"<th scope='col'>{_text(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th scope='row'>{_text(name)}</th>"
        + "".join(f"<td style='--share:{part:.3f}'>{count:,}<small>{share(part)}</small></td>" for count, part in row)
        + "</tr>"
        for name, row in zip(names, rows, strict=True)
    )
    return f"<table class='confusion'><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _mistake(mistake: Mistake) -> str:
    return (
        f"<li><img alt='' src='{mistake.address}'>true: {_text(mistake.true)}<br>said: {_text(mistake.said)} "
        f"{mistake.probability:.0%}<br><span class='faint'>{_text(mistake.source)}</span></li>"
    )


def _text(text: str) -> str:
    return escape(visible(text))
