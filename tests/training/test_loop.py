"""Schedules, samplers, targets and the running means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posterv2.data.dataset import open_split
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig, load_config
from posterv2.training.faces import Faces, evaluation_batches, training_batches
from posterv2.training.loop import Meter, Training, evaluate_epoch, make_optimizer, make_scheduler

SMALL = Preprocessing(size=48, grayscale=True)


def learning_rates(config: TrainConfig, steps_per_epoch: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config.lr)
    scheduler = make_scheduler(optimizer, config, steps_per_epoch)
    rates = []
    for _ in range(config.epochs * steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_exponential_schedule_falls_after_each_epoch() -> None:
    rates = learning_rates(load_config("rafdb", ["epochs=3"]), steps_per_epoch=2)
    np.testing.assert_allclose(rates, [3.5e-5, 3.5e-5, 3.43e-5, 3.43e-5, 3.3614e-5, 3.3614e-5], rtol=1e-9)


def test_one_cycle_peaks_after_three_tenths() -> None:
    rates = learning_rates(load_config("ferplus-nano", ["epochs=10", "lr=1e-2", "warmup=0.3"]), steps_per_epoch=10)
    assert max(rates) == pytest.approx(1e-2)
    assert 28 <= int(np.argmax(rates)) <= 30
    assert rates[-1] < 1e-6


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_optimisers_leave_frozen_parameters_out(kind: str) -> None:
    network = build("posterv2-nano")
    network.landmark_stream.requires_grad_(False)
    optimizer = make_optimizer(network, load_config("ferplus", [f"optimizer={kind}"]))
    given = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert given == {
        id(parameter) for name, parameter in network.named_parameters() if not name.startswith("landmark_stream")
    }


def test_targets_are_votes_or_classes(ferplus_zip: Path) -> None:
    split = open_split(ferplus_zip, split="train")
    assert split.distributions is not None
    # The fixtures' faces are clear ones, whose annotators agree; here they do not.
    split = replace(split, distributions=0.75 * split.distributions + np.float32(0.25 / 8))
    assert split.distributions is not None
    hard, soft = Faces(split, SMALL, soft_labels=False), Faces(split, SMALL, soft_labels=True)
    for index in range(len(split)):
        pixels, target = hard[index]
        assert pixels.dtype == torch.uint8
        assert pixels.shape == (3, 48, 48)
        assert torch.equal(pixels, torch.tensor(SMALL.pixels(split.image(index))).permute(2, 0, 1))
        assert target.argmax() == split.targets[index]
        assert target.sum() == 1
        assert torch.equal(soft[index][1], torch.tensor(split.distributions[index]))


def test_batches_keep_the_last_smaller_one(ferplus_zip: Path) -> None:
    split = open_split(ferplus_zip, split="train")
    batches = training_batches(split, SMALL, load_config("ferplus", ["batch_size=3"]))
    orders = [torch.cat([targets.argmax(1) for _, targets in batches]).tolist() for _ in range(3)]
    assert [len(order) for order in orders] == [8, 8, 8]
    assert all(sorted(order) == sorted(split.targets.tolist()) for order in orders)
    assert len(set(map(tuple, orders))) > 1
    evaluated = torch.cat(
        [targets.argmax(1) for _, targets in evaluation_batches(split, SMALL, load_config("ferplus"))]
    )
    assert evaluated.tolist() == split.targets.tolist()


def test_balanced_sampler_draws_each_class_alike(face_folders: Path) -> None:
    kept = ["neutral", "happiness", "surprise"]
    for folder in (face_folders / "train").iterdir():
        if folder.name not in kept:
            for file in folder.iterdir():
                file.unlink()
    copied = face_folders / "train" / "neutral"
    original = next(copied.iterdir())
    for number in range(17):
        (copied / f"again_{number}.png").write_bytes(original.read_bytes())
    split = open_split(face_folders, "folders", "train", LABEL_SETS["ferplus"])
    batches = training_batches(split, SMALL, load_config("ferplus", ["sampler=balanced", "batch_size=20"]))
    counts = sum(targets.sum(0) for _ in range(30) for _, targets in batches)
    assert isinstance(counts, torch.Tensor)
    assert counts.sum() == 30 * 20
    for name in kept:
        assert 150 < counts[LABEL_SETS["ferplus"].index(name)] < 250


def test_meter_means_over_faces() -> None:
    meter = Meter()
    meter.add(1.0, torch.eye(4)[[0, 1]], torch.eye(4)[[0, 2]])
    meter.add(4.0, torch.eye(4)[[3]], torch.eye(4)[[3]])
    assert (meter.faces, meter.loss, meter.accuracy) == (3, 2.0, pytest.approx(2 / 3))
    assert (Meter().loss, Meter().accuracy) == (0.0, 0.0)


def test_mirrored_evaluation_does_not_know_left_from_right() -> None:
    torch.manual_seed(0)
    network, config = build("posterv2-nano"), load_config("ferplus")
    pixels = torch.randint(0, 256, (4, 3, 48, 48), dtype=torch.uint8)
    targets = torch.eye(8)[:4]
    losses = {}
    for mirror in (False, True):
        optimizer = make_optimizer(network, config)
        training = Training(
            network,
            Preprocessing(48, mirror=mirror),
            config,
            torch.device("cpu"),
            optimizer,
            make_scheduler(optimizer, config, 1),
        )
        losses[mirror] = [evaluate_epoch(training, [(faces, targets)])[0] for faces in (pixels, pixels.flip(-1))]
    assert losses[True][0] == pytest.approx(losses[True][1], abs=1e-6)
    assert abs(losses[False][0] - losses[False][1]) > 1e-6
