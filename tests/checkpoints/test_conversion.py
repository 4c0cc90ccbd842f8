"""From a published file to ours: the same network, or nothing."""

import pytest
import torch

from posterv2.checkpoints import conversion
from posterv2.checkpoints.conversion import convert
from posterv2.checkpoints.format import load
from posterv2.checkpoints.network import open_weights
from posterv2.errors import LabelsError, OutputError, UsageError, WeightsError
from posterv2.labels import LABEL_SETS
from tests.checkpoints import official


@pytest.fixture
def published(tmp_path):
    return official.save(official.checkpoint(), tmp_path / "x.pth")


def test_both_files_hold_the_same_network(published, tmp_path):
    target = tmp_path / "x.safetensors"
    header = convert(published, target, "rafdb")
    network, read = load(target)
    theirs, _ = open_weights(published, "rafdb")
    assert header == read
    assert read.labels == LABEL_SETS["rafdb"]
    entries = theirs.state_dict()
    assert all(torch.equal(tensor, entries[name]) for name, tensor in network.state_dict().items())
    target.unlink()  # 175 MB


def test_what_disagrees_is_not_written(published, tmp_path, monkeypatch):
    load = conversion.format.load

    def wrong(path):
        network, header = load(path)
        network.classifier.bias.data[3] += 1e-3
        return network, header

    monkeypatch.setattr(conversion.format, "load", wrong)
    with pytest.raises(WeightsError, match=r"x\.safetensors: not written, read back it does not give the logits"):
        convert(published, tmp_path / "x.safetensors", "rafdb")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]


def test_what_cannot_be(published, tmp_path):
    target = tmp_path / "y.safetensors"
    with pytest.raises(LabelsError, match=r"carries no labels.*rafdb"):
        convert(published, target)
    with pytest.raises(LabelsError, match="has 7 classes, the labels are 8"):
        convert(published, target, "affectnet8")
    with pytest.raises(UsageError, match=r"end in \.safetensors, got .*y\.onnx"):
        convert(published, tmp_path / "y.onnx", "rafdb")
    with pytest.raises(OutputError, match="there is no folder"):
        convert(published, tmp_path / "nowhere" / "y.safetensors", "rafdb")
    target.symlink_to(published)
    content = published.read_bytes()
    with pytest.raises(UsageError, match="would overwrite the file that it is made from"):
        convert(published, target, "rafdb")
    assert published.read_bytes() == content
