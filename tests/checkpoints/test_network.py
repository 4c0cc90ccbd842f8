"""One door to every kind of weight file, told by its content."""

import pytest
import torch

from posterv2 import load_network
from posterv2.checkpoints.format import save
from posterv2.checkpoints.network import open_weights
from posterv2.errors import LabelsError, WeightsError
from posterv2.labels import LABEL_SETS


@pytest.fixture
def path(tmp_path, network, header):
    path = tmp_path / "ours.pth"  # the name says nothing
    save(path, network, header)
    return path


def test_our_file_under_any_name(path, network, header, faces):
    loaded, read = open_weights(str(path))
    assert read == header
    assert torch.equal(loaded(faces), network(faces))
    assert not loaded.training


def test_the_same_labels_are_accepted_and_others_are_not(path):
    assert load_network(path, "ferplus")
    assert load_network(path, LABEL_SETS["ferplus"].names)
    with pytest.raises(
        LabelsError, match=r"carries its labels, ferplus \(neutral, .*cannot become affectnet8 \(neutral"
    ):
        load_network(path, "affectnet8")


def test_a_graph_is_no_network(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\x08\x0a\x12\x07pytorch")
    with pytest.raises(WeightsError, match=r"x\.bin: a graph holds no torch network; give the file it was made of"):
        load_network(tmp_path / "x.bin")


def test_what_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match=r"no embedded model and no file '.*x\.pth'; embedded are: posterv2-nano"):
        load_network(tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="no embedded model and no file 'posterv2-mega'"):
        load_network("posterv2-mega")
    with pytest.raises(WeightsError, match="Is a directory"):
        load_network(tmp_path)
