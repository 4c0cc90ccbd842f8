"""The published forms load whole, under every form they come in; what does not belong there is named."""

import math
import runpy
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from posterv2 import load_network
from posterv2.checkpoints.backbones import Stream, load_backbone
from posterv2.checkpoints.names import PUBLISHED, PUBLISHED_DROPPED, is_parameter, renamed
from posterv2.checkpoints.network import open_weights
from posterv2.checkpoints.published import open_published, read_published
from posterv2.checkpoints.tensors import opened_tensors
from posterv2.errors import LabelsError, UnsafeWeightsError, WeightsError
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import PosterNetwork, build
from tests.checkpoints import hostile, official

PARITY = Path(__file__).parents[3] / "shared" / "parity"


@pytest.fixture(scope="module")
def built():
    return build("posterv2")


def test_every_published_name_is_ours_or_dropped_and_none_twice(built):
    ours = {renamed(name, PUBLISHED): name for name in official.NAMES if name not in PUBLISHED_DROPPED}
    assert ours.keys() == built.state_dict().keys()
    assert len(ours) + len(PUBLISHED_DROPPED) == len(official.NAMES) == 747
    assert not PUBLISHED_DROPPED.keys() & {name for name in official.NAMES if renamed(name, PUBLISHED)}
    assert all(tuple(official.NAMES[name]) == shape for name, shape in PUBLISHED_DROPPED.items())
    assert all(tuple(official.NAMES[name]) == built.state_dict()[key].shape for key, name in ours.items() if key)


def test_the_drop_list_holds_what_is_never_used(built):
    sizes = [math.prod(shape) for name, shape in PUBLISHED_DROPPED.items() if is_parameter(name)]
    assert round(sum(sizes) / 1e6, 2) == 14.56
    assert round(sum(parameter.numel() for parameter in built.parameters()) / 1e6, 2) == 43.75


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("form", ["as published", "without module.", "bare", "bare with module."])
def test_every_entry_arrives(tmp_path, form, legacy):
    bare = official.weights()
    prefixed = OrderedDict((f"module.{name}", value) for name, value in bare.items())
    content = {
        "as published": official.checkpoint(optimizer=True),
        "without module.": {"epoch": 3, "state_dict": bare},
        "bare": bare,
        "bare with module.": prefixed,
    }[form]
    path = official.save(content, tmp_path / "x.pth", legacy, cuda=form == "as published", numpy1=True)
    network, header = open_published(path, "rafdb")
    assert not network.training
    state = network.state_dict()
    for name, value in bare.items():
        if name not in PUBLISHED_DROPPED:
            assert torch.equal(state[str(renamed(name, PUBLISHED))], value), name
    assert header.labels == LABEL_SETS["rafdb"]
    assert header.preprocessing.size == header.config.image_size == 224
    assert header.training.get("epoch") == {"as published": 173, "without module.": 3}.get(form)


def test_graphs_get_its_numbers_and_no_network_is_made_for_that(tmp_path, monkeypatch):
    bare = {name: value.half() if value.is_floating_point() else value for name, value in official.weights().items()}
    path = official.save(bare, tmp_path / "x.pth")
    network, header = open_published(path, "rafdb")
    monkeypatch.setattr(PosterNetwork, "load_state_dict", lambda *words: pytest.fail("a network was made"))
    with opened_tensors(path, LABEL_SETS["rafdb"]) as (read, tensors):
        assert read == header
        assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
        state = network.state_dict()
        assert tensors.keys() == state.keys()
        assert all(np.array_equal(tensors[name], value) for name, value in state.items())


def test_eight_classes(tmp_path):
    path = official.save(official.checkpoint(8), tmp_path / "x.pth")
    network, header = open_weights(path, "affectnet8")
    assert network.classifier.out_features == header.config.classes == len(header.labels) == 8
    with pytest.raises(LabelsError, match=r"has 8 classes, the labels are 7: rafdb \(surprise"):
        load_network(path, "rafdb")


def test_labels_must_be_named(tmp_path):
    path = official.save(official.checkpoint(), tmp_path / "x.pth")
    with pytest.raises(
        LabelsError, match=r"carries no labels; name them: choose one of rafdb, .*with 7 classes: rafdb"
    ):
        load_network(path)
    own = ["a", "b", "c", "d", "e", "f", "g"]
    assert open_weights(path, own)[1].labels.names == tuple(own)
    with pytest.raises(LabelsError, match="no label set 'raf'"):
        load_network(path, "raf")


def test_what_the_file_says_of_itself(tmp_path):
    file = read_published(official.save(official.checkpoint(), tmp_path / "x.pth"))
    assert (file.epoch, file.classes, len(file.dropped)) == (173, 7, 39)
    assert file.best_accuracy == pytest.approx(0.922099)
    assert file.form == "under state_dict, with module. before each name"
    assert file.fitting_labels == ["rafdb", "affectnet7", "caers", "fer2013"]


@pytest.mark.parametrize("epoch", [True, -1, 10**9, pytest.param(10**5000, id="huge"), 1.0, "3"])
def test_an_epoch_that_cannot_be_is_not_stated(tmp_path, epoch):
    path = official.save(official.checkpoint() | {"epoch": epoch}, tmp_path / "x.pth")
    assert read_published(path).epoch is None


@pytest.mark.parametrize("best", [float("nan"), float("inf"), -1.0, 100.5])
def test_an_accuracy_that_cannot_be_is_not_stated(tmp_path, best):
    path = official.save(official.checkpoint() | {"best_acc": torch.tensor(best)}, tmp_path / "x.pth")
    assert read_published(path).best_accuracy is None


def changed(changes):
    content = official.checkpoint()
    state = content["state_dict"]
    assert isinstance(state, dict)
    for name, value in changes.items():
        state[f"module.{name}"] = value
        if value is None:
            del state[f"module.{name}"]
    return content


MISSING = (
    "VIT.norm.bias",
    "VIT.cls_token",
    "VIT.head.linear.bias",
    "attn2.relative_position_bias_table",
    "embed_q.1.weight",
    "face_landback.conv_4.model.5.project.bn.running_var",
    "ffn2.gamma1",
    "ir_back.body2.0.res_layer.0.num_batches_tracked",
)
UNEXPECTED = (
    "VIT.norm.scale",
    "VIT.blocks.2.norm1.bias",
    "ir_back.output_layer.5.weight",
    "ir_back.body3.14.res_layer.0.bias",
    "stranger",
    "VIT.CON1.weird",
    "ir_back.output_layer.0.other",
)
MISSHAPEN = {
    "conv1.bias": (torch.zeros(65), "conv1.bias is 65, needed is 64"),
    "attn1.qkv.weight": (torch.zeros(64, 128), "attn1.qkv.weight is 64 x 128, needed is 128 x 64"),
    "VIT.head.linear.bias": (torch.zeros(8), "VIT.head.linear.bias is 8, needed is 7"),
    "VIT.cls_token": (torch.tensor(1.0), "VIT.cls_token is one number, needed is 1 x 1 x 768"),
    "VIT.patch_embed.proj.weight": (torch.zeros(3), "VIT.patch_embed.proj.weight is 3, needed is 768 x 256 x 1 x 1"),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict.fromkeys(MISSING), [f"missing {name}" for name in MISSING]),
        ({name: torch.zeros(2) for name in UNEXPECTED}, [f"unexpected {name}" for name in UNEXPECTED]),
        ({name: tensor for name, (tensor, _) in MISSHAPEN.items()}, [words for _, words in MISSHAPEN.values()]),
        ({"conv1.bias": torch.zeros(64, dtype=torch.int8)}, ["conv1.bias holds torch.int8, needed is torch.float32"]),
        ({"x" * 500: torch.zeros(2)}, [f"unexpected {'x' * 80}..."]),
        ({**dict.fromkeys(MISSING), "stranger": torch.zeros(2)}, ["x.pth does not fit the network", "and 1 more"]),
    ],
    ids=["missing", "unexpected", "misshapen", "of another kind", "long", "many"],
)
def test_what_does_not_fit_is_named(tmp_path, changes, words):
    with pytest.raises(WeightsError) as refusal:
        load_network(official.save(changed(changes), tmp_path / "x.pth"), "rafdb")
    for each in words:
        assert each in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"VIT.head.linear.weight": None}, r"missing VIT\.head\.linear\.weight"),
        ({"VIT.head.linear.weight": torch.tensor(1.0)}, r"VIT\.head\.linear\.weight, or not of two dimensions"),
        ({"conv1.bias": [3]}, r"conv1\.bias' is a list, not weights"),
        ({"conv1.bias": 3}, r"'module\.conv1\.bias' is a int, not weights"),
    ],
)
def test_a_file_without_a_head_or_with_something_else_is_refused(tmp_path, changes, words):
    with pytest.raises(WeightsError, match=r"x\.pth.*" + words):
        load_network(official.save(changed(changes), tmp_path / "x.pth"), "rafdb")


def test_dropped_entries_may_be_gone(tmp_path):
    kept = OrderedDict((name, value) for name, value in official.weights().items() if name not in PUBLISHED_DROPPED)
    assert read_published(official.save(kept, tmp_path / "x.pth")).dropped == []


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"conv.weight": torch.zeros(3)}, {"epoch": 3}])
def test_other_networks_are_refused(tmp_path, content):
    with pytest.raises(WeightsError, match=r"x\.pth: (it holds no POSTER V2 network|entry 'epoch' is a int)"):
        load_network(official.save(content, tmp_path / "x.pth"), "rafdb")


def test_a_hostile_recorder_is_refused(tmp_path):
    content = official.checkpoint() | {"recorder": hostile.attack("recorder", tmp_path / "ran")}
    with pytest.raises(UnsafeWeightsError, match=r"os\.system"):
        load_network(official.save(content, tmp_path / "x.pth"), "rafdb")
    assert not (tmp_path / "ran").exists()


WHOLE = [["--optimizer"], ["--numpy1"], ["--optimizer", "--numpy1"], ["--bare"], []]
PARTS = [["--part", "ir_back"], ["--part", "face_landback"]]
FLAGS = [[*flags, *legacy] for flags in WHOLE + PARTS for legacy in ([], ["--legacy"])]


@pytest.mark.skipif(not PARITY.is_dir(), reason="the maker of published files is not at hand")
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_files_of_the_reference_maker_load(tmp_path, monkeypatch, built, flags):
    path = tmp_path / "x.pth"
    monkeypatch.setattr(sys, "argv", ["maker", str(PARITY / "names-8.json"), str(path), "--small", *flags])
    monkeypatch.syspath_prepend(PARITY)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    runpy.run_path(str(PARITY / "make_official_checkpoint.py"), run_name="__main__")
    if "--part" in flags:
        stream: Stream = "image_stream" if "ir_back" in flags else "landmark_stream"
        load_backbone(built, path, stream)
        parameter = next(getattr(built, stream).parameters())
    else:
        network, header = open_weights(path, "affectnet8")
        assert header.training.get("epoch") == (None if "--bare" in flags else 173)
        parameter = next(network.parameters())
    assert parameter.unique().numel() == 1  # as --small fills it
