"""`posterv2 weights`: what a file holds, in words, and ours from a published one."""

import pytest
from typer.testing import CliRunner

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
    assert rows["format"].startswith("2, written by posterv2 ")
    count = sum(parameter.numel() for parameter in network.parameters())
    assert rows["parameters"] == f"{count:,}, stored as F16"


def test_inspect_knows_the_embedded_graph():
    from posterv2.checkpoints import catalog

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
