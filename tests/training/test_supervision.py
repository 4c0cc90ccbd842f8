"""The streams' own answers: what they are of, what they teach, and that nothing of them stays in the network."""

import copy
from pathlib import Path

import torch

from posterv2.models.config import CONFIGS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import load_config
from posterv2.training.loop import Training
from posterv2.training.state import Position, load_state, save_state
from posterv2.training.supervision import Supervised


def supervised(*, streams: bool = True) -> Supervised:
    torch.manual_seed(0)
    return Supervised(build("posterv2-nano"), streams=streams)


def faces() -> torch.Tensor:
    side = CONFIGS["posterv2-nano"].image_size
    return torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_without_streams_it_is_the_network() -> None:
    asked = supervised(streams=False)
    [logits] = asked(faces())
    torch.testing.assert_close(logits, copy.deepcopy(asked.network)(faces()))
    assert {name.partition(".")[0] for name in asked.state_dict()} == {"network"}


def test_the_streams_answer_beside_the_network() -> None:
    asked = supervised()
    plain = copy.deepcopy(asked.network)(faces())
    logits, *own = asked(faces())
    torch.testing.assert_close(logits, plain)
    assert [each.shape for each in own] == [(4, 8), (4, 8)]


def test_each_answer_teaches_its_own_stream_alone() -> None:
    for answer, stream in ((1, "landmark_stream"), (2, "image_stream")):
        asked = supervised()
        targets = torch.arange(4)
        torch.nn.functional.cross_entropy(asked(faces())[answer], targets).backward()
        moved = {name.partition(".")[0] for name, value in asked.network.named_parameters() if value.grad is not None}
        assert moved == {stream}
        missed = [
            name
            for name, value in asked.network.get_submodule(stream).named_parameters()
            if value.grad is None or not value.grad.count_nonzero()
        ]
        assert not missed


def test_the_heads_are_a_part_of_the_state(tmp_path: Path) -> None:
    config = load_config("ferplus-nano", ["stream_loss=0.5", "ema=0.9"])
    first, second = (Training.of(build("posterv2-nano"), Preprocessing(48), config, 1) for _ in range(2))
    save_state(tmp_path / "state.safetensors", first, Position())
    load_state(tmp_path / "state.safetensors", second)
    expected = first.supervised.state_dict()
    assert any(name.startswith("heads.") for name in expected)
    torch.testing.assert_close(dict(second.supervised.state_dict()), dict(expected), rtol=0, atol=0)
