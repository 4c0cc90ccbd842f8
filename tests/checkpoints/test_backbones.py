"""Backbone files fill their stream whole, or say what is wrong."""

import re
from collections import OrderedDict

import pytest
import torch

from posterv2.checkpoints.backbones import load_backbone
from posterv2.checkpoints.names import IMAGE_STREAM, LANDMARK_STREAM, renamed
from posterv2.errors import WeightsError
from posterv2.models.poster import build
from tests.checkpoints import official

PARTS = {"image_stream": ("ir_back.", IMAGE_STREAM), "landmark_stream": ("face_landback.", LANDMARK_STREAM)}
STREAMS = pytest.mark.parametrize("stream", PARTS)


@pytest.fixture(scope="module")
def network():
    return build("posterv2")


def arcface(part):
    """The entries as ArcFace names them: units numbered throughout, with a fourth stage and a head of its own."""
    starts = {"body1": 0, "body2": 3, "body3": 7}
    flat = OrderedDict()
    for name, value in part.items():
        if match := re.fullmatch(r"(body\d)\.(\d+)\.(.*)", name):
            name = f"body.{starts[match[1]] + int(match[2])}.{match[3]}"
        flat[name] = value
    for unit in (21, 22, 23):
        flat[f"body.{unit}.res_layer.1.weight"] = torch.zeros(512, 256, 3, 3)
    flat["output_layer.3.weight"] = torch.zeros(512, 512 * 4)
    return flat


def fresh(network, stream):
    """Set every number of the stream to one that no file holds."""
    for tensor in getattr(network, stream).state_dict().values():
        tensor.fill_(-7)


def check(network, stream):
    prefix, table = PARTS[stream]
    state = getattr(network, stream).state_dict()
    for name, value in official.part(prefix).items():
        ours = renamed(name, table)
        if ours is not None:
            assert torch.equal(state.pop(ours), value), name
    assert not state


@STREAMS
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
@pytest.mark.parametrize("module", ["", "module."])
def test_every_form_fills_the_stream(tmp_path, network, stream, key, module):
    part = OrderedDict((module + name, value) for name, value in official.part(PARTS[stream][0]).items())
    content = part if key is None else {"epoch": 1, key: part}
    fresh(network, stream)
    load_backbone(network, official.save(content, tmp_path / "x.pth", legacy=key is None, cuda=True), stream)
    check(network, stream)


def test_arcface_names(tmp_path, network):
    fresh(network, "image_stream")
    load_backbone(network, official.save(arcface(official.part("ir_back.")), tmp_path / "x.pth"), "image_stream")
    check(network, "image_stream")


@STREAMS
def test_old_files_without_batch_counts(tmp_path, network, stream):
    part = official.part(PARTS[stream][0])
    counts = [name for name in part if name.endswith("num_batches_tracked")]
    load_backbone(network, official.save(part, tmp_path / "whole.pth"), stream)
    for name in counts:
        del part[name]
    load_backbone(network, official.save(part, tmp_path / "x.pth"), stream)
    check(network, stream)


@STREAMS
def test_nothing_that_fits_is_an_error(tmp_path, network, stream):
    other = next(name for name in PARTS if name != stream)
    for content in (official.part(PARTS[other][0]), official.checkpoint(), {}, {"model": {"fc.weight": torch.ones(1)}}):
        with pytest.raises(WeightsError, match=f"nothing in it fits the {stream.replace('_', ' ')}, which takes"):
            load_backbone(network, official.save(content, tmp_path / "x.pth"), stream)


@pytest.mark.parametrize(
    ("stream", "change", "words"),
    [
        ("image_stream", {"body3.13.res_layer.4.bias": None}, r"missing body3\.13\.res_layer\.4\.bias"),
        ("image_stream", {"body1.0.res_layer.5.fc1.weight": torch.ones(1)}, r"unexpected body1\.0\.res_layer\.5\.fc1"),
        (
            "image_stream",
            {"input_layer.0.weight": torch.ones(64, 1, 3, 3)},
            r"input_layer\.0\.weight is 64 x 1 x 3 x 3",
        ),
        ("landmark_stream", {"conv_45.project.bn.running_var": None}, r"missing conv_45\.project\.bn\.running_var"),
        ("landmark_stream", {"conv_7.weight": torch.ones(1)}, r"unexpected conv_7\.weight"),
    ],
)
def test_a_partial_fit_names_what_is_wrong(tmp_path, network, stream, change, words):
    part = official.part(PARTS[stream][0])
    for name, value in change.items():
        part.pop(name, None)
        if value is not None:
            part[name] = value
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match=words):
        load_backbone(network, official.save(part, tmp_path / "x.pth"), stream)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@STREAMS
def test_a_network_of_another_size_says_so(tmp_path, stream):
    path = official.save(official.part(PARTS[stream][0]), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="have the size of the network 'posterv2'"):
        load_backbone(build("posterv2-nano"), path, stream)
