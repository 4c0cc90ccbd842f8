"""`posterv2 weights`: which there are, what a file holds, in words, and ours from a published one."""

import json
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

from posterv2.checkpoints import catalog
from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import read_header
from posterv2.cli import app
from tests.checkpoints import hostile, official
from tests.checkpoints.conftest import header_of, lively


def run(*words: object):
    return CliRunner().invoke(app, ["weights", *map(str, words)])


def found(output: str) -> dict[str, str]:
    """The table that `inspect` prints, as row name -> value."""
    rows = [line.partition("  ") for line in output.splitlines()[2:]]
    return {name.strip(): value.strip() for name, _, value in rows if name.strip()}


@pytest.fixture
def published(tmp_path):
    return official.save(official.checkpoint(), tmp_path / "raf.pth", numpy1=True, cuda=True)


def test_inspect_shows_all_of_our_file(tmp_path):
    network = lively()
    save(tmp_path / "x.safetensors", network, header_of(network), half=True)
    result = run("inspect", tmp_path / "x.safetensors")
    assert result.exit_code == 0
    rows = found(result.stdout)
    assert rows["labels"].startswith("ferplus: 0 neutral, 1 happiness, 2 surprise, ")
    assert "image_size 48" in rows["network"]
    assert rows["input"] == "48 x 48 pixels, RGB"
    assert rows["metrics"] == "accuracy 0.5"
    assert rows["licence"] == "for tests"
    assert rows["calibration"] == "none: probabilities are the softmax of the logits"
    assert rows["format"].startswith("3, written by posterv2 ")
    count = sum(parameter.numel() for parameter in network.parameters())
    assert rows["parameters"] == f"{count:,}, stored as F16"


def test_inspect_knows_the_embedded_graph():
    weights = found(run("inspect", catalog.DEFAULT).stdout)
    graph = found(run("inspect", catalog.embedded(catalog.DEFAULT, ".onnx")).stdout)
    assert graph["kind"] == "ONNX graph"
    assert {name: graph[name] for name in ("name", "labels", "network", "input", "metrics", "licence")} == {
        name: weights[name] for name in ("name", "labels", "network", "input", "metrics", "licence")
    }


def test_inspect_reads_a_published_file(published):
    result = run("inspect", published)
    assert result.exit_code == 0
    rows = found(result.stdout)
    assert rows["epoch"] == "173"
    assert rows["best accuracy"].startswith("92.21%")
    assert rows["classes"] == "7"
    assert rows["parameters"] == "43,753,941"
    assert rows["not needed"].startswith("14,562,653 parameters, in 39 entries")
    assert "rafdb, affectnet7, caers, fer2013, or 7 names" in rows["labels"]
    for name in ("VIT.IRLinear1.weight", "attn2.relative_position_index", "ir_back.output_layer.3.weight"):
        assert name in result.stdout.split()


def test_inspect_refuses_a_hostile_file_in_one_line(tmp_path):
    path = official.save(hostile.attack("os.system", tmp_path / "ran"), tmp_path / "x.pth")
    result = run("inspect", path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "asks for os.system" in result.stderr
    assert not (tmp_path / "ran").exists()


def test_inspect_refuses_what_is_not_there():
    result = run("inspect", "nothing.pth")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no file 'nothing.pth'" in result.stderr


def test_convert_and_use(published, tmp_path):
    target = tmp_path / "raf.safetensors"
    result = run("convert", published, target, "--labels", "rafdb")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"wrote {target} with the labels rafdb (surprise, " in result.stderr
    assert "same logits" in result.stderr
    assert read_header(target).labels.id == "rafdb"
    target.unlink()  # 175 MB


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["raf.safetensors"], 2, "carries no labels; name them: choose one of rafdb"),
        (["raf.safetensors", "--labels", "ferplus"], 2, "has 7 classes, the labels are 8"),
        (["raf.safetensors", "--labels", "raf"], 2, "there is no label set 'raf'"),
        (["raf.pth", "--labels", "rafdb"], 2, "end in .safetensors"),
    ],
)
def test_convert_refuses_in_one_line(published, tmp_path, words, code, message):
    result = run("convert", published, tmp_path / words[0], *words[1:])
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["raf.pth"]


def line(output: str, name: str) -> Sequence[str]:
    """The cells of the row that begins with a name."""
    (row,) = (row for row in output.splitlines() if row.startswith(f"{name}  "))
    return [cell.strip() for cell in row.split("  ") if cell.strip()]


def test_list_shows_the_embedded_model_as_its_file_says(monkeypatch):
    monkeypatch.delenv(catalog.FOLDER, raising=False)
    result = run("list")
    assert (result.exit_code, result.stderr) == (0, "")
    header = read_header(catalog.embedded(catalog.DEFAULT, ".safetensors"))
    shares = [f"{header.metrics[metric]:.2%}" for metric in ("accuracy", "mean_class_accuracy")]
    inspected = found(run("inspect", catalog.DEFAULT).stdout)
    megabytes = f"{catalog.embedded(catalog.DEFAULT, '.safetensors').stat().st_size / 1e6:.1f}"
    parameters = inspected["parameters"].partition(", stored")[0]
    cells = [catalog.DEFAULT, str(header.labels), megabytes, parameters, *shares, header.licence]
    assert line(result.stdout, catalog.DEFAULT) == cells


def test_list_shows_what_can_be_added_and_where_it_is(monkeypatch):
    monkeypatch.delenv(catalog.FOLDER, raising=False)
    output = run("list").stdout
    assert line(output, "rafdb")[1:] == [
        "RAF-DB",
        "rafdb (surprise, fear, disgust, happiness, sadness, anger, neutral)",
        "92.21%",
        "raf-db-model_best.pth",
    ]
    published = {"affectnet7": "67.49%", "affectnet8": "63.77%", "caers": "93.00%", "ir50": "-", "mobilefacenet": "-"}
    for name, accuracy in published.items():
        assert accuracy in line(output, name)
    for name, entry in catalog.ADDABLE.items():
        for word, value in (("Licence", entry.licence), ("Page", entry.page)):
            (names,) = (row for row in output.splitlines() if row.startswith(word) and row.endswith(f": {value}"))
            assert name in names.replace(",", "").replace(":", "").split()


@pytest.mark.parametrize("named_by", ["option", "environment"])
def test_list_says_what_lies_in_a_folder(tmp_path, monkeypatch, named_by):
    (tmp_path / "caer-s-model_best.pth").write_bytes(bytes(2_500_000))
    (tmp_path / "rafdb.safetensors").touch()
    monkeypatch.delenv(catalog.FOLDER, raising=False)
    if named_by == "environment":
        monkeypatch.setenv(catalog.FOLDER, str(tmp_path))
    output = run("list", *(["--folder", tmp_path] if named_by == "option" else [])).stdout
    assert line(output, "caers")[-1] == "caer-s-model_best.pth, 2.5 MB"
    assert line(output, "rafdb")[-1] == "rafdb.safetensors, 0.0 MB"
    assert line(output, "affectnet7")[-1] == "no"


def test_list_refuses_a_folder_that_is_not_there(tmp_path):
    result = run("list", "--folder", tmp_path / "gone")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "gone" in result.stderr


def test_a_name_leads_to_the_file_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(catalog.FOLDER, str(tmp_path))
    network = lively()
    save(tmp_path / "caers.safetensors", network, header_of(network))
    words = ["predict", "--aligned", "--weights", "caers", "--format", "json", "tests/fixtures/faces/fear_1.png"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert set(json.loads(result.stdout)[0]["faces"][0]["probabilities"]) == set(header_of(network).labels.names)
