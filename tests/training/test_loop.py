"""Schedules, samplers, targets and the running means."""

import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posterv2.data.dataset import open_split
from posterv2.errors import ImageError, OutputError
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig, load_config
from posterv2.training.faces import Faces, decode, epoch_order, steps
from posterv2.training.loop import Meter, Training, evaluate_epoch, make_optimizer, make_scheduler, train_epoch

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


@pytest.mark.parametrize("warmup", [0, 0.1, 0.5, 1])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_one_cycle_takes_any_number_of_steps(warmup: float, steps: int) -> None:
    rates = learning_rates(load_config("ferplus-nano", ["epochs=1", f"warmup={warmup}"]), steps)
    assert len(rates) == steps
    assert all(0 < rate <= 2e-3 for rate in rates)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_optimisers_leave_frozen_parameters_out(kind: str) -> None:
    network = build("posterv2-nano")
    network.landmark_stream.requires_grad_(False)
    optimizer = make_optimizer(network, load_config("ferplus", [f"optimizer={kind}"]))
    given = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert given == {
        id(parameter) for name, parameter in network.named_parameters() if not name.startswith("landmark_stream")
    }


def test_targets_are_votes_or_classes(ferplus_zip: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").touch()  # a run that was killed may have left it
    split = open_split(ferplus_zip, split="train")
    assert split.distributions is not None
    # The fixtures' faces are clear ones, whose annotators agree; here they do not.
    split = replace(split, distributions=0.75 * split.distributions + np.float32(0.25 / 8))
    assert split.distributions is not None
    hard = decode(split, SMALL, tmp_path / "faces")
    soft = decode(split, SMALL, tmp_path / "faces", soft_labels=True)
    assert list(tmp_path.glob("faces*")) == []  # nothing is left behind, however the run ends
    pixels, targets = hard.batch(np.arange(len(split)))
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (8, 1, 48, 48)
    for index in range(len(split)):
        assert torch.equal(pixels[index, 0], torch.tensor(SMALL.pixels(split.image(index)))[..., 0])
    assert targets.argmax(1).tolist() == split.targets.tolist()
    assert targets.sum(1).tolist() == [1] * 8
    assert torch.equal(soft.batch(np.arange(8))[1], torch.tensor(split.distributions))


def test_rows_that_are_never_seen_are_not_kept(ferplus_zip: Path, tmp_path: Path) -> None:
    split = open_split(ferplus_zip, split="train")
    whole = decode(split, Preprocessing(size=48), tmp_path / "faces").pixels
    half = decode(split, Preprocessing(size=48), tmp_path / "faces", row_step=2).pixels
    assert half.shape == (8, 24, 48, 3)
    assert np.array_equal(half, whole[:, ::2])


def test_a_full_disk_and_a_broken_picture_are_told(ferplus_folders: Path, tmp_path: Path) -> None:
    split = open_split(ferplus_folders, split="train")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"no room for 0\.0 GB of decoded faces: File too large"):
            decode(split, SMALL, tmp_path / "faces")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    broken = ferplus_folders / split.sources[3]
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ImageError, match=broken.name):
        decode(split, SMALL, tmp_path / "faces")
    assert list(tmp_path.glob("faces*")) == []


def faces_of(classes: list[int]) -> Faces:
    index = np.array(classes)
    return Faces(np.zeros((len(index), 2, 2, 1), np.uint8), np.eye(8, dtype=np.float32)[index], index)


def test_an_epoch_takes_each_face_once_in_an_order_of_its_own() -> None:
    faces, config = faces_of([0] * 5 + [1] * 3), load_config("ferplus", ["batch_size=3"])
    orders = [epoch_order(faces, config, epoch) for epoch in (1, 2, 1)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0].tolist() == orders[2].tolist() != orders[1].tolist()
    batches = list(steps(orders[0], 3))
    assert [len(batch) for batch in batches] == [3, 3, 2]
    assert np.concatenate(batches).tolist() == orders[0].tolist()


def test_balanced_sampler_draws_each_class_alike() -> None:
    faces, config = faces_of([0] * 18 + [1, 2]), load_config("affectnet8")
    drawn = np.concatenate([epoch_order(faces, config, epoch) for epoch in range(30)])
    assert len(drawn) == 30 * 20
    counts = np.bincount(faces.classes[drawn], minlength=8)
    assert all(150 < count < 250 for count in counts[:3])
    assert counts[3:].sum() == 0


def test_meter_means_over_faces() -> None:
    meter = Meter()
    meter.add(1.0, torch.eye(4)[[0, 1]], torch.eye(4)[[0, 2]])
    meter.add(5.0, torch.eye(4)[[3]], torch.eye(4)[[3]])
    assert (meter.faces, meter.loss, meter.accuracy) == (3, 2.0, pytest.approx(2 / 3))
    assert (Meter().loss, Meter().accuracy) == (0.0, 0.0)


def test_mirrored_evaluation_does_not_know_left_from_right() -> None:
    torch.manual_seed(0)
    network, config = build("posterv2-nano"), load_config("ferplus")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8)
    losses = {}
    for mirror in (False, True):
        training = Training.of(network, Preprocessing(48, mirror=mirror), config, 1)
        sides = [Faces(side, np.eye(8, dtype=np.float32)[:4], np.arange(4)) for side in (pixels, pixels[:, :, ::-1])]
        losses[mirror] = [evaluate_epoch(training, faces)[0] for faces in sides]
    assert losses[True][0] == pytest.approx(losses[True][1], abs=1e-6)
    assert abs(losses[False][0] - losses[False][1]) > 1e-6


def real_faces() -> Faces:
    """Sixteen random pictures of eight classes."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (16, 48, 48, 1), np.uint8)
    return Faces(pixels, np.eye(8, dtype=np.float32)[np.arange(16) % 8], np.arange(16) % 8)


def trained(*overrides: str) -> Training:
    """One epoch of two steps, without anything random in it."""
    torch.manual_seed(0)
    config = load_config("ferplus", ["model=posterv2-nano", "batch_size=8", "flip=0", "erase=0", "lr=1e-3", *overrides])
    network = build("posterv2-nano")
    network.landmark_stream.requires_grad_(not config.freeze_landmarks)
    training = Training.of(network, SMALL, config, 2)
    train_epoch(training, real_faces(), 1)
    return training


def statistics(training: Training, part: str) -> torch.Tensor:
    values = training.network.state_dict().items()
    return torch.cat([value for name, value in values if name.startswith(part) and "running_mean" in name])


def test_statistics_move_as_the_settings_say() -> None:
    published, once, frozen = trained(), trained("sam_statistics=false"), trained("landmark_statistics=false")
    plain = trained("sam_rho=0")
    assert statistics(published, "landmark_stream").abs().max() > 0
    assert statistics(frozen, "landmark_stream").abs().max() == 0
    assert statistics(frozen, "image_stream").abs().max() > 0
    # A frozen stream sees the same faces in both passes: one move in two steps each, or two.
    torch.testing.assert_close(statistics(once, "landmark_stream"), statistics(plain, "landmark_stream"))
    first, second = statistics(trained("sam_rho=0"), "landmark_stream"), statistics(published, "landmark_stream")
    assert 1.5 < (second / first).median() < 2


def test_accumulated_parts_give_the_step_of_the_whole() -> None:
    """Batch norm sees parts, so it is put into eval mode for the comparison."""
    weights = []
    for accumulate in (1, 3):
        torch.manual_seed(0)
        config = load_config(
            "ferplus", ["model=posterv2-nano", "batch_size=16", "flip=0", "erase=0", f"accumulate={accumulate}"]
        )
        config = replace(config, optimizer="sgd", lr=0.1)
        network = build("posterv2-nano")
        for norm in [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]:
            norm.train = lambda mode=True, norm=norm: norm  # pyright: ignore
            norm.training = False
        training = Training.of(network, SMALL, config, 1)
        train_epoch(training, real_faces(), 1)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in network.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=2e-6)


def test_running_mean_of_the_weights() -> None:
    plain, average = trained(), trained("ema=0.5")
    name = "classifier.weight"
    assert torch.equal(plain.network.state_dict()[name], average.network.state_dict()[name])
    kept = average.kept.state_dict()[name]
    assert not torch.equal(kept, average.network.state_dict()[name])
    index = "fusions.0.attention.position_index"
    assert torch.equal(average.kept.get_buffer(index), plain.network.get_buffer(index))


def test_the_streams_own_answers_teach_the_streams() -> None:
    plain, taught = trained("sam_rho=0"), trained("sam_rho=0", "stream_loss=0.5")
    name = "image_stream.stages.2.0.residual.1.weight"
    first, second = (training.network.get_parameter(name) for training in (plain, taught))
    assert not torch.equal(first, second)
    optimised = {id(parameter) for group in taught.optimizer.param_groups for parameter in group["params"]}
    assert {id(parameter) for parameter in taught.supervised.heads.parameters()} <= optimised


def test_smoothing_raises_the_floor_of_the_loss() -> None:
    logits = 50 * torch.eye(8)
    assert torch.nn.functional.cross_entropy(logits, torch.eye(8), label_smoothing=0.1) > 1
    assert statistics(trained("label_smoothing=0.3"), "image_stream").isfinite().all()
    plain, smooth = trained(), trained("label_smoothing=0.3")
    assert not torch.equal(plain.network.classifier.bias, smooth.network.classifier.bias)
