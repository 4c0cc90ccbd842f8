"""Reports hold what was found, ask for nothing, and let no name become code."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.data.dataset import open_split
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.evaluate import Evaluation, evaluate
from posterv2.evaluation.figures import class_bars, reliability, risk_against_coverage, wilson
from posterv2.evaluation.mistakes import surest_mistakes
from posterv2.evaluation.report import as_html, report
from posterv2.evaluation.report_markdown import write_markdown
from posterv2.labels import LabelSet
from tests.evaluation.test_evaluate import Remembers
from tests.evaluation.test_intervals import made
from tests.tiny_graph import write_tiny_graph


class Parts(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def page(face_folders: Path) -> tuple[Parts, Evaluation]:
    split = open_split(face_folders)
    classifier = Remembers(split, split.labels, lambda name: {"fear": "surprise"}.get(name, name))
    found = evaluate(classifier, split)
    return Parts(as_html(report(found, classifier.header, split, "posterv2 evaluate --data 'a b'"))), found


def test_the_page_holds_all_that_was_found_and_asks_for_nothing(page: tuple[Parts, Evaluation]) -> None:
    parts, found = page
    text = " ".join(" ".join(parts.words).split())
    for words in (
        *("Summary", "Confusion matrix", "How sure, and how right", "Class by class", "The surest mistakes"),
        *("87.50%", "true: fear", "said: surprise", "posterv2 evaluate --data 'a b'", found.manifest, *found.notes()),
    ):
        assert words in text
    assert parts.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in parts.addresses)
    assert "script" not in parts.tags
    assert parts.tags.count("svg") == 3
    assert "1 of 1 wrong answers" in text


def test_the_mistakes_are_the_surest_ones_in_their_order(face_folders: Path) -> None:
    split = open_split(face_folders)
    count = len(split)
    shares = np.full((count, count), 0.02)
    for index, target in enumerate(split.targets):
        shares[index, (target + (index > 1)) % count] = 0.3 + 0.05 * index  # the first two are right
    found = Answers(split.labels, split.sources, split.targets, shares / shares.sum(axis=1, keepdims=True))
    mistakes = surest_mistakes(found, split)
    assert [mistake.source for mistake in mistakes] == list(split.sources[:1:-1])
    names = split.labels.names
    assert [mistake.true for mistake in mistakes] == [names[target] for target in split.targets[:1:-1]]
    assert [mistake.said for mistake in mistakes] == [names[(target + 1) % count] for target in split.targets[:1:-1]]
    assert mistakes[0].probability == pytest.approx(found.confidences[-1])


def test_no_name_becomes_code(face_folders: Path, tmp_path: Path) -> None:
    split = open_split(face_folders)
    evil = "<script>alert(1)</script>|`x`"
    labels = LabelSet("custom", (evil, *split.labels.names[1:]))
    classifier = Remembers(split, split.labels, lambda name: "neutral")
    found = evaluate(classifier, split)
    answers = Answers(labels, found.answers.sources, found.answers.targets, found.answers.probabilities)
    hostile = Evaluation(answers, evil, f"/tmp/{evil.replace('/', '')}", "folders", "valid", "0" * 64)
    made_of = report(hostile, classifier.header, split, "posterv2 evaluate")
    assert "script" not in Parts(as_html(made_of)).tags
    write_markdown(made_of, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "<script>" not in text
    assert "\\<script\\>" in text


def test_markdown_has_its_figures_beside_it(face_folders: Path, tmp_path: Path) -> None:
    split = open_split(face_folders)
    classifier = Remembers(split, split.labels, lambda name: {"fear": "surprise"}.get(name, name))
    write_markdown(report(evaluate(classifier, split), classifier.header, split, "posterv2"), tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert sorted(links) == sorted(f"r-files/{path.name}" for path in (tmp_path / "r-files").iterdir())
    assert {Path(link).suffix for link in links} == {".svg", ".jpg"}
    assert "| accuracy | 87.50% | 87.50% .. 87.50% |" in text


def test_markdown_of_any_name_finds_its_figures(face_folders: Path, tmp_path: Path) -> None:
    split = open_split(face_folders)
    classifier = Remembers(split, split.labels, lambda name: "fear")
    write_markdown(report(evaluate(classifier, split), classifier.header, split, "p"), tmp_path / "my report (1).md")
    page = Parts(MarkdownIt("commonmark").render((tmp_path / "my report (1).md").read_text()))
    assert len(page.addresses) == 3 + 7
    assert all((tmp_path / unquote(address)).is_file() for address in page.addresses)


def test_signs_that_turn_the_reading_or_show_nothing_are_written_out(face_folders: Path, tmp_path: Path) -> None:
    split = open_split(face_folders)
    found = evaluate(Remembers(split, split.labels, lambda name: "fear"), split)
    evil = "gnp\u202e.\x00\x1b[2J\udcff"
    hostile = Evaluation(found.answers, evil, evil, "folders", "valid", "0" * 64)
    made_of = report(hostile, Remembers(split, split.labels, str).header, split, evil)
    write_markdown(made_of, tmp_path / "r.md")
    for text in (as_html(made_of), (tmp_path / "r.md").read_text()):
        assert not set("\u202e\x00\x1b\udcff") & set(text)
        assert "u202e" in text


def test_a_wide_picture_stays_wide(face_folders: Path) -> None:
    Image.new("RGB", (80, 40)).save(next((face_folders / "valid" / "fear").iterdir()), "PNG")
    split = open_split(face_folders)
    found = evaluate(Remembers(split, split.labels, lambda name: "anger"), split)
    [wide] = [mistake for mistake in surest_mistakes(found.answers, split) if mistake.true == "fear"]
    assert Image.open(io.BytesIO(wide.jpeg)).size == (112, 56)


def test_what_the_weights_are_is_told(page: tuple[Parts, Evaluation]) -> None:
    words = " ".join(page[0].words)
    for what in ("labels", "network", "metrics", "calibration", "licence", "training", "format"):
        assert f"weights: {what}" in words


def test_the_figures_say_the_numbers() -> None:
    answers = made(600)
    bins, right = answers.bins(), answers.right
    drawing = reliability(answers)
    for number in (0, 7, 14):
        inside = bins == number
        assert (
            f"{inside.sum()} faces: {answers.confidences[inside].mean():.1%} sure, {right[inside].mean():.1%} right"
            in (drawing)
        )
    assert drawing.count("<circle") == 15
    assert risk_against_coverage(answers).count("<polyline") == 1
    found = Evaluation(answers, "made", "nowhere", "folders", "valid", "0" * 64)
    recall = float(found.figures.per_class["recall"][0, 0])
    assert f">{recall:.1%} (" in class_bars(found)


def test_wilson_holds_the_share_and_stays_inside() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.404, 0.596), abs=1e-3)
    assert wilson(0, 10) == pytest.approx((0, 0.278), abs=1e-3)
    assert wilson(1, 10) == pytest.approx((0.722, 1), abs=1e-3)


def test_on_the_command_line(face_folders: Path, tmp_path: Path) -> None:
    weights = write_tiny_graph(tmp_path / "tiny.onnx")
    for ending in (".html", ".md"):
        out = tmp_path / f"report{ending}"
        words = ["evaluate", "--data", str(face_folders), "--weights", str(weights), "--report", str(out)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        assert result.stderr.splitlines()[-1] == f"wrote {out}"
        assert "The surest mistakes" in out.read_text()
    result = CliRunner().invoke(app, [*words[:-1], "report.pdf"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--report writes a file that ends with .html or .md, got report.pdf" in result.stderr
