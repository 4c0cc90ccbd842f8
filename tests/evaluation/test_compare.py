"""Is the difference real? Known answers, chance that is told as chance, and files that are no evaluations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.errors import UsageError
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.compare import compare, mcnemar
from posterv2.evaluation.intervals import figures
from posterv2.evaluation.kept import Kept, read_evaluation
from posterv2.labels import LABEL_SETS

LABELS = LABEL_SETS["rafdb"]


def answers(share: float, seed: int, count: int = 1000) -> Answers:
    """Right on a share of the same faces, by chance."""
    targets = np.random.default_rng(99).integers(0, 7, count)
    right = np.random.default_rng(seed).random(count) < share
    said = np.where(right, targets, (targets + 1) % 7)
    return Answers(LABELS, tuple(f"{number}.png" for number in range(count)), targets, 0.65 * np.eye(7)[said] + 0.05)


def kept(found: Answers, name: str = "a.json") -> Kept:
    return Kept(Path(name), "tiny", "0" * 64, found)


def document(found: Answers) -> dict[str, Any]:
    return {
        "labels": list(found.labels.names),
        "weights": "tiny",
        "manifest": "0" * 64,
        "answers": {
            "sources": list(found.sources),
            "targets": found.targets.tolist(),
            "probabilities": found.probabilities.tolist(),
        },
    }


@pytest.mark.parametrize("counts", [(0, 0), (5, 5), (1, 0), (0, 12), (30, 51), (400, 301), (20_000, 20_500)])
def test_mcnemar_is_the_exact_test(counts: tuple[int, int]) -> None:
    expected = binomtest(counts[0], sum(counts), 0.5).pvalue if sum(counts) else 1.0
    assert mcnemar(*counts) == pytest.approx(expected, rel=1e-6)


def test_a_real_difference_is_told_with_its_size() -> None:
    one, other = answers(0.7, 1), answers(0.8, 2)
    found = compare(kept(one), kept(other))
    gain, (low, high) = found.differences["accuracy"]
    assert gain == pytest.approx(other.right.mean() - one.right.mean())
    assert low < gain < high
    assert found.p_value == mcnemar(found.only_first, found.only_second)
    assert found.only_second - found.only_first == round(1000 * gain)
    assert found.sentence.startswith(f"The difference is real: B is right on {100 * gain:.2f} points more")
    back = compare(kept(other), kept(one))
    assert back.sentence.startswith(f"The difference is real: A is right on {100 * gain:.2f} points more")
    assert found.second["macro_f1"] == figures(other).single["macro_f1"][0]


def test_one_and_the_same_differ_by_nothing() -> None:
    found = compare(kept(answers(0.7, 1)), kept(answers(0.7, 1)))
    assert set(found.differences.values()) == {(0.0, (0.0, 0.0))}
    assert found.p_value == 1
    assert found.sentence == "There is no difference in accuracy: each of 1,000 faces is right in both or in neither."


def test_classes_that_one_alone_knows_do_not_matter_where_no_face_has_them() -> None:
    one, other = answers(0.7, 1), answers(0.8, 2)
    labels = LABEL_SETS["affectnet8"]
    columns = np.array([labels.index(name) for name in LABELS.names])
    shares = np.zeros((1000, 8))
    shares[:, columns] = other.probabilities
    eight = Answers(labels, other.sources, columns[other.targets], shares)
    found, plain = compare(kept(one), kept(eight)), compare(kept(one), kept(other))
    assert (found.sentence, found.p_value) == (plain.sentence, plain.p_value)
    for name, (gain, ends) in found.differences.items():
        assert (gain, *ends) == pytest.approx((plain.differences[name][0], *plain.differences[name][1]))
    back = compare(kept(eight), kept(one))  # other draws: they follow the order of the first one's classes
    assert back.p_value == found.p_value
    assert back.first == pytest.approx(found.second)


def test_a_figure_of_nothing_is_null() -> None:
    """Where all faces are of one class, chance alone agrees wholly, and kappa is of nothing."""
    found = Answers(LABELS, tuple("abc"), np.zeros(3, np.int64), np.eye(7)[[0, 0, 0]])
    values = json.loads(json.dumps(compare(kept(found), kept(found)).to_dict(), allow_nan=False))
    assert values["a"]["kappa"] is values["differences"]["kappa"]["difference"] is None
    assert values["differences"]["kappa"]["interval"] == [None, None]


def test_other_pictures_of_the_same_names_are_refused() -> None:
    other = Kept(Path("b.json"), "tiny", "1" * 64, answers(0.8, 2))
    with pytest.raises(UsageError, match=r"the pictures differ: their manifests are 0{12}\.\.\. and 1{12}\.\.\."):
        compare(kept(answers(0.7, 1)), other)


def test_networks_that_are_alike_are_seldom_told_apart() -> None:
    told = [compare(kept(answers(0.7, 2 * n, 300)), kept(answers(0.7, 2 * n + 1, 300))).sentence for n in range(60)]
    assert sum("is real" in sentence for sentence in told) <= 8  # 3 are expected


def test_order_of_faces_and_classes_does_not_matter() -> None:
    one, other = answers(0.7, 1), answers(0.8, 2)
    order = np.random.default_rng(0).permutation(1000)
    labels = LABEL_SETS["affectnet7"]
    columns = [LABELS.names.index(name) for name in labels.names]
    moved = Answers(
        labels,
        tuple(other.sources[place] for place in order),
        np.array([labels.names.index(LABELS.names[target]) for target in other.targets[order]]),
        other.probabilities[order][:, columns],
    )
    assert compare(kept(one), kept(moved)).to_dict() == compare(kept(one), kept(other)).to_dict()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (
            answers(0.7, 1, 999),
            r"a\.json and b\.json are not of the same faces: 1000 and 999, and 1 are in one of them",
        ),
        (
            Answers(LABELS, answers(0.7, 1).sources, (answers(0.7, 1).targets + 1) % 7, np.full((1000, 7), 1 / 7)),
            "disa",
        ),
        (
            Answers(LABEL_SETS["ferplus"], answers(0.7, 1).sources, answers(0.7, 1).targets, np.eye(8)[[0] * 1000]),
            r"disagree on the true class of \d+ faces, such as '0\.png'",
        ),
    ],
)
def test_other_faces_are_refused(other: Answers, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        compare(kept(answers(0.7, 1)), kept(other, "b.json"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answers": None}, "'answers' is None; make it again"),
        ({"labels": ["a", 3]}, "'labels' holds 3"),
        ({"manifest": 3}, "'manifest' is 3"),
        ({"labels": ["a", "a"]}, r"x\.json: each class name may stand once"),
        ({"answers": {"sources": [], "targets": [], "probabilities": []}}, "one at least"),
        ({"answers": {"sources": [], "targets": []}}, "'probabilities' is None"),
        ({"answers": {"sources": ["a"], "targets": [0], "probabilities": [[1.0] * 7]}}, "sum to 1"),
        ({"answers": {"sources": ["a"], "targets": [7], "probabilities": [[1.0] + [0] * 6]}}, "index of one of 7"),
        ({"answers": {"sources": ["a"], "targets": [0], "probabilities": [[1.0]]}}, "needs 7 probabilities"),
        (
            {"answers": {"sources": ["a", "a"], "targets": [0, 0], "probabilities": [[1] + [0] * 6] * 2}},
            "each source o",
        ),
        ({"answers": {"sources": ["a"], "targets": [0], "probabilities": [[float("nan")] * 7]}}, "sum to 1"),
        ({"answers": {"sources": ["a"], "targets": [True], "probabilities": [[1] + [0] * 6]}}, "'targets' holds True"),
        ({"answers": {"sources": ["a"], "targets": [10**30], "probabilities": [[1] + [0] * 6]}}, "index of one"),
        ({"answers": {"sources": ["a"], "targets": [0], "probabilities": [[10**400] + [0] * 6]}}, "sum to 1"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document(answers(0.7, 1, 20)) | change))
    with pytest.raises(UsageError, match=says):
        read_evaluation(path)


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, found in (("a", answers(0.7, 1)), ("b", answers(0.8, 2))):
        Path(f"{name}.json").write_text(json.dumps(document(found)))
    Path("broken.json").write_text("[" * 100_000)
    result = CliRunner().invoke(app, ["report", "compare", "a.json", "b.json", "--json", "c.json"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("The difference is real: B is right on")
    assert json.loads(Path("c.json").read_text())["sentence"] == result.stdout.splitlines()[-1]
    for name in ("broken.json", "gone.json"):
        result = CliRunner().invoke(app, ["report", "compare", "a.json", name])
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {name}: not an evaluation: ")
        assert result.stderr.count("\n") == 1
