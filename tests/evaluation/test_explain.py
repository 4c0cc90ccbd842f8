"""The maps: their shapes and sums, that they leave the network alone, and that they depend on what it has learned.

What a map must not survive is Adebayo et al. 2018: a network whose weights are random again.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.explain import likeness, random_network
from posterv2.errors import UsageError
from posterv2.evaluation.explain import attention_rollout, explain, grad_cam
from posterv2.inference.classifier import probabilities
from posterv2.inference.engines.torch import TorchClassifier
from posterv2.models.config import CONFIGS, PosterConfig
from posterv2.models.encoder import SelfAttention
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import read_image

SMALL_PUBLISHED = replace(
    CONFIGS["posterv2"], width=32, image_depths=(1, 1, 1), landmark_depths=(0, 0, 0), embed_dim=32
)
SEEDS = range(8)

# Spearman's correlation with the maps of a random network, mean over 16 faces and 8 networks, is 0 in expectation. The
# means of single networks spread by 0.3 (rollout) and 0.06 (Grad-CAM) around it, those of eight by 0.1 and 0.02; three
# times the former and five times the latter is left. The maps of another face correlate by 0.9 and 0.26.
UNLIKE = {"rollout": 0.3, "grad_cam": 0.1}


@pytest.fixture
def classifier() -> TorchClassifier:
    return TorchClassifier("posterv2-nano", device="cpu")


@pytest.fixture
def faces(face_files: list[Path]) -> list[np.ndarray]:
    return [read_image(file) for file in face_files]


def inputs_of(classifier: TorchClassifier, faces: list[np.ndarray]) -> torch.Tensor:
    preprocessing = classifier.header.preprocessing
    return torch.from_numpy(preprocessing.normalise(np.stack([preprocessing.pixels(face) for face in faces])))


@pytest.mark.parametrize(("config", "side"), [(SMALL_PUBLISHED, 7), (CONFIGS["posterv2-nano"], 3)])
def test_rollout_shares_the_attention_among_the_tokens(config: PosterConfig, side: int) -> None:
    network = PosterNetwork(config).eval()
    shares = attention_rollout(network, torch.randn(2, 3, config.image_size, config.image_size))
    assert shares.shape == (2, 3, side, side)
    assert shares.min() >= 0
    torch.testing.assert_close(shares.sum(dim=(1, 2, 3)), torch.ones(2))


def test_the_published_size_has_147_tokens() -> None:
    assert attention_rollout(PosterNetwork(SMALL_PUBLISHED).eval(), torch.zeros(1, 3, 224, 224)).numel() == 147


def test_rollout_finds_the_token_that_all_attention_goes_to() -> None:
    """A network whose every query looks for the one key that a token's place gives it."""
    network = build("posterv2-nano").eval()
    place = 1 + 9 + 5  # second level, second row, third column; the class token is before all
    with torch.no_grad():
        for module in network.encoder.modules():
            if isinstance(module, SelfAttention):
                # Each query is 10 everywhere, and each key the first feature of its token, which the place makes large.
                dim = network.config.embed_dim
                module.qkv.weight.zero_()
                module.qkv.bias.zero_()
                module.qkv.bias[:dim] = 10
                module.qkv.weight[dim : 2 * dim, 0] = 1
        network.encoder.position_embedding[0, :, 0] = -100
        network.encoder.position_embedding[0, place, 0] = 100
    share = attention_rollout(network, torch.randn(1, 3, 48, 48))[0]
    assert share[1, 1, 2] > 0.99


def test_the_weights_are_those_that_the_network_mixes_by() -> None:
    attention = SelfAttention(128, 4)
    x = torch.randn(2, 28, 128)
    weights = attention.weights(x)
    assert weights.shape == (2, 4, 28, 28)
    value = attention.qkv(x)[:, :, 256:].unflatten(2, (4, -1)).transpose(1, 2)
    mixed = attention.projection((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, attention(x), atol=1e-5, rtol=1e-5)


def test_an_encoder_without_blocks_looks_at_nothing() -> None:
    network = PosterNetwork(replace(CONFIGS["posterv2-nano"], encoder_depth=0)).eval()
    shares = attention_rollout(network, torch.zeros(1, 3, 48, 48))
    torch.testing.assert_close(shares, torch.full((1, 3, 3, 3), 1 / 27))


def test_grad_cam_has_the_side_of_the_last_stage() -> None:
    network = PosterNetwork(SMALL_PUBLISHED).eval()
    found = grad_cam(network, torch.randn(2, 3, 224, 224), torch.tensor([0, 6]))
    assert found.shape == (2, 14, 14)
    assert found.min() >= 0


def test_grad_cam_is_about_the_class_that_is_asked(classifier: TorchClassifier, faces: list[np.ndarray]) -> None:
    inputs = inputs_of(classifier, faces[:1]).expand(8, -1, -1, -1)
    maps = grad_cam(classifier.network, inputs, torch.arange(8)).flatten(1)
    for one in range(8):
        for other in range(one):
            assert not torch.allclose(maps[one], maps[other], rtol=0.01)


def test_faces_of_a_batch_do_not_touch_each_other(classifier: TorchClassifier, faces: list[np.ndarray]) -> None:
    inputs, classes = inputs_of(classifier, faces[:3]), torch.tensor([0, 1, 2])
    together = grad_cam(classifier.network, inputs, classes)
    alone = grad_cam(classifier.network, inputs[1:2], classes[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(("row", "column"), [(2, 2), (2, 4), (4, 1)])
def test_the_map_lies_over_what_the_network_looks_at(
    classifier: TorchClassifier, faces: list[np.ndarray], row: int, column: int
) -> None:
    """One bright square on a dark ground, and a network whose logit grows with the brightness at the last stage."""
    classifier.network = BrightnessNetwork(classifier.network)  # pyright: ignore[reportAttributeAccessIssue]
    picture = np.zeros((48, 48, 3), np.uint8)
    y, x = 8 * row, 8 * column
    picture[y : y + 4, x : x + 4] = 255
    found = explain(classifier, [picture], [1])[0].grad_cam
    rows, columns = np.indices(found.shape)
    middle = (rows * found).sum() / found.sum(), (columns * found).sum() / found.sum()
    assert middle == pytest.approx((y + 1.5, x + 1.5), abs=3)


def test_what_speaks_against_a_class_is_not_marked(classifier: TorchClassifier) -> None:
    """The first class's logit falls with the brightness, and there is nothing else."""
    classifier.network = BrightnessNetwork(classifier.network)  # pyright: ignore[reportAttributeAccessIssue]
    picture = np.zeros((48, 48, 3), np.uint8)
    picture[16:24, 16:24] = 255
    against, speaks = explain(classifier, [picture] * 2, [0, 1])
    assert not against.grad_cam.any()
    assert speaks.grad_cam.any()


class BrightnessNetwork(torch.nn.Module):
    """Stands in for a network: the last stage is the brightness, looked at by strided convolutions as in ours."""

    def __init__(self, network: PosterNetwork) -> None:
        super().__init__()
        self.config, self.encoder = network.config, network.encoder
        smooth = [torch.nn.Conv2d(1, 1, 3, 2, padding=1, bias=False) for _ in range(3)]
        for layer in smooth:
            torch.nn.init.constant_(layer.weight, 1 / 9)
        self.last_stage = torch.nn.Sequential(*smooth)
        self.image_stream = torch.nn.Module()
        self.image_stream.stages = torch.nn.ModuleList([self.last_stage])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = x.mean(dim=1, keepdim=True)
        logit = self.last_stage(grey - grey.min()).mean(dim=(1, 2, 3))
        return torch.stack([-logit, logit], dim=1)


def test_the_network_is_left_as_it_was(classifier: TorchClassifier, faces: list[np.ndarray]) -> None:
    network, pixels = classifier.network, np.stack([classifier.header.preprocessing.pixels(face) for face in faces])
    before = classifier.logits(pixels)
    explain(classifier, faces[:2], [0, 1])
    np.testing.assert_array_equal(classifier.logits(pixels), before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_hooks_go_with_an_error_too(classifier: TorchClassifier) -> None:
    wrong = torch.zeros(1, 3, 40, 40)
    for work in (
        lambda: attention_rollout(classifier.network, wrong),
        lambda: grad_cam(classifier.network, wrong, wrong),
    ):
        with pytest.raises(UsageError, match="the network takes"):
            work()
    assert not any(module._forward_hooks for module in classifier.network.modules())


def test_a_mirrored_face_has_mirrored_maps(classifier: TorchClassifier, faces: list[np.ndarray]) -> None:
    """The answer is the mean over both views, so its reasons have no side of their own."""
    assert classifier.header.preprocessing.mirror
    one, other = explain(classifier, [faces[0], np.ascontiguousarray(faces[0][:, ::-1])], [4, 4])
    for kind in ("rollout", "grad_cam"):
        assert getattr(one, kind).shape == (48, 48)
        np.testing.assert_allclose(getattr(one, kind), getattr(other, kind)[:, ::-1], atol=1e-5)
        assert not np.allclose(getattr(one, kind), getattr(one, kind)[:, ::-1], rtol=0.1)


def test_random_weights_destroy_the_maps(classifier: TorchClassifier, faces: list[np.ndarray]) -> None:
    answers = list(probabilities(classifier, faces).argmax(axis=1))
    trained = explain(classifier, faces, answers)
    again = explain(classifier, faces, answers)
    found: dict[str, list[float]] = {"rollout": [], "grad_cam": []}
    inputs, config = inputs_of(classifier, faces), classifier.network.config
    for seed in SEEDS:
        classifier.network = random_network(config, seed, inputs)
        untrained = explain(classifier, faces, answers)
        for kind, values in found.items():
            values.append(likeness(trained, untrained, kind))
    for kind, values in found.items():
        assert likeness(trained, again, kind) == pytest.approx(1)
        assert (
            likeness(trained, trained[1:] + trained[:1], kind) > UNLIKE[kind]
        )  # so much is the same from face to face
        assert abs(np.mean(values)) < UNLIKE[kind], f"{kind}: {np.round(values, 2)}"
