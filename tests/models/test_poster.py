"""The network beyond its parity: the family, refusals, export, compilation, independence of a face from its batch."""

import time
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from posterv2.errors import UsageError
from posterv2.models.config import CONFIGS, PosterConfig
from posterv2.models.landmark_stream import ConvBlock
from posterv2.models.poster import PosterNetwork, build


@pytest.fixture(scope="module")
def nano() -> PosterNetwork:
    """An untrained compact network whose batch norms hold other than their start values."""
    torch.manual_seed(0)
    network = build("posterv2-nano")
    network(torch.randn(16, 3, 48, 48))
    return network.eval()


def parameters(network: PosterNetwork) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(config: PosterConfig) -> float:
    with torch.device("meta"):
        network = PosterNetwork(config).eval()
        face = torch.empty(1, 3, config.image_size, config.image_size)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        network(face)
    return counter.get_total_flops() / 2


def test_published_size() -> None:
    assert parameters(build("posterv2", 7)) == 43_753_941
    assert multiply_adds(CONFIGS["posterv2"]) == pytest.approx(8.6e9, rel=0.005)


def test_compact_size(nano: PosterNetwork) -> None:
    assert parameters(nano) < 3e6
    assert multiply_adds(nano.config) < 0.3e9


@pytest.mark.parametrize("size", [40, 48, 50, 64])
def test_any_size_gives_logits(size: int) -> None:
    network = PosterNetwork(replace(CONFIGS["posterv2-nano"], image_size=size, classes=5)).eval()
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize("shape", [(3, 48, 48), (2, 1, 48, 48), (2, 3, 48, 47), (2, 3, 224, 224)])
def test_wrong_input_is_refused(nano: PosterNetwork, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"\(B, 3, 48, 48\)"):
        nano(torch.zeros(shape))


def test_a_face_does_not_depend_on_its_batch(nano: PosterNetwork) -> None:
    faces = torch.randn(9, 3, 48, 48)
    others = torch.cat((faces[:1], 50 * torch.randn(8, 3, 48, 48)))
    with torch.inference_mode():
        alone, among, among_others = nano(faces[:1]), nano(faces)[:1], nano(others)[:1]
    torch.testing.assert_close(alone, among, rtol=0, atol=1e-5)
    torch.testing.assert_close(alone, among_others, rtol=0, atol=1e-5)


def test_export_with_a_dynamic_batch(nano: PosterNetwork) -> None:
    batch = torch.export.Dim("batch", min=1, max=256)
    program = torch.export.export(nano, (torch.randn(2, 3, 48, 48),), dynamic_shapes=({0: batch},))
    exported = program.module()
    for count in (1, 3, 7):
        faces = torch.randn(count, 3, 48, 48)
        torch.testing.assert_close(exported(faces), nano(faces), rtol=0, atol=1e-5)


def test_compile_with_a_dynamic_batch(nano: PosterNetwork) -> None:
    # "aot_eager" traces and differentiates as every backend does, and needs no C++ compiler.
    compiled = torch.compile(nano, backend="aot_eager", dynamic=True, fullgraph=True)
    for count in (2, 5):
        faces = torch.randn(count, 3, 48, 48)
        torch.testing.assert_close(compiled(faces), nano(faces), rtol=0, atol=1e-5)


def test_drop_path_is_active_in_training_only() -> None:
    torch.manual_seed(0)
    network = PosterNetwork(replace(CONFIGS["posterv2-nano"], drop_path=(0.5, 0.5, 0.5), layer_scale=1.0))
    face = torch.randn(1, 3, 48, 48)
    network.fusions.train()
    network.image_stream.eval()
    network.landmark_stream.eval()
    with torch.no_grad():
        assert len({tuple(network(face)[0].tolist()) for _ in range(6)}) > 1
        network.eval()
        assert len({tuple(network(face)[0].tolist()) for _ in range(3)}) == 1


def test_start_values() -> None:
    torch.manual_seed(0)
    network = build("posterv2-nano")
    assert CONFIGS["posterv2"].init_std == 0.01
    for linear in (network.classifier, network.gate.linear2, network.encoder.blocks.get_submodule("0.mlp.fc1")):
        assert linear.get_parameter("weight").std().item() == pytest.approx(network.config.init_std, rel=0.1)
    assert network.encoder.position_embedding.std().item() == pytest.approx(0.02, rel=0.1)
    assert network.get_parameter("fusions.0.attention.position_bias").std().item() == pytest.approx(0.02, rel=0.1)
    conv = network.landmark_stream.separable.conv.weight
    assert conv.std().item() == pytest.approx((2 / conv.shape[0]) ** 0.5, rel=0.1)
    assert not network.gate.linear1.bias.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": 0}, "classes must be a whole number from 1 to 10000, got 0"),
        ({"image_size": 225}, "pixel_stride must divide image_size 225"),
        ({"head_dim": 7}, "head_dim must divide width 64, got 7"),
        ({"encoder_heads": 7}, "encoder_heads must divide embed_dim"),
        ({"drop_path": (0.0, 0.5, 1.0)}, "drop_path"),
        ({"image_depths": (1, 2)}, "three levels"),
        ({"activation": "gelu"}, "gelu"),
        ({"image_stem_stride": 3}, "image_stem_stride must be a whole number from 1 to 2, got 3"),
        ({"image_size": 512, "pixel_stride": 1}, "at most 256 x 256 pixels, got 512 / 1"),
        (
            {"image_size": 256, "pixel_stride": 1, "head_dim": 1},
            "at most 268,435,456 position biases, got 1,224,736,768 by head_dim 1 for 256 pixels",
        ),
        ({"image_size": 40_000}, "image_size must be a whole number from 1 to 1024"),
        ({"width": 64.0}, "width must be a whole number from 1 to 2048, got 64.0"),
        ({"mlp_ratio": True}, "mlp_ratio must be a whole number from 1 to 100, got True"),
        ({"mlp_ratio": 0}, "mlp_ratio"),
        ({"embed_dim": 12_800}, "embed_dim must be a whole number from 1 to 8192"),
        ({"encoder_depth": 3000}, "encoder_depth must be a whole number from 0 to 100"),
        ({"encoder_depth": -1}, "encoder_depth"),
        ({"image_depths": [1, 0, 1]}, "image_depths must be a whole number from 1 to 100, got 0"),
        ({"landmark_depths": [0, 101, 0]}, "landmark_depths must be a whole number from 0 to 100, got 101"),
        ({"landmark_depths": 3}, "three levels"),
        ({"layer_scale": float("nan")}, "layer_scale must be a number from 0.0 to 100.0, got nan"),
        ({"layer_scale": 10**400}, "got a number of more than 64 bits"),
        ({"init_std": 0}, "init_std"),
        ({"activation": ["relu"] * 99}, "got a tuple"),
    ],
)
def test_impossible_configs_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        PosterConfig.from_dict({**PosterConfig().to_dict(), **change})


def test_the_largest_configs_are_laid_out_at_once() -> None:
    deep = {"image_depths": [100] * 3, "landmark_depths": [100] * 3, "encoder_depth": 100}
    wide = {"classes": 10_000, "width": 2048, "head_dim": 512, "embed_dim": 8192, "mlp_ratio": 100}
    config = PosterConfig.from_dict({"image_size": 1024, "pixel_stride": 4, **deep, **wide})
    start = time.perf_counter()
    with torch.device("meta"):
        network = PosterNetwork(config)
    assert parameters(network) > 1e12
    assert time.perf_counter() - start < 10


def test_config_survives_a_dict() -> None:
    for config in CONFIGS.values():
        assert PosterConfig.from_dict(config.to_dict()) == config


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="posterv2, posterv2-nano"):
        build("posterv3")
    with pytest.raises(UsageError, match="colour"):
        PosterConfig.from_dict({"colour": 1})


def test_strided_depthwise_convolutions_stay_in_float32_on_cpus() -> None:
    """In bfloat16 torch's backward pass of them took most of a training step."""
    strided, plain = (
        ConvBlock(8, 8, CONFIGS["posterv2-nano"], kernel=3, stride=stride, groups=8).conv for stride in (2, 1)
    )
    faces = torch.randn(2, 8, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        assert plain(faces).dtype == torch.bfloat16
        kept = strided(faces)
    assert torch.equal(kept, strided(faces))
