"""A training run: wires recipe, data, network, loop and run folder together."""

import json
import platform
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from posterv2 import __version__
from posterv2.checkpoints.backbones import load_backbone
from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.network import open_weights
from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.errors import DatasetError, UsageError, WeightsError
from posterv2.evaluation.metrics import accuracy, mean_class_accuracy
from posterv2.files import whole
from posterv2.labels import LabelSet, label_set
from posterv2.models.device import choose_device
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig
from posterv2.training.faces import Batches, evaluation_batches, training_batches
from posterv2.training.history import Epoch, draw, write_csv
from posterv2.training.loop import (
    Meter,
    Training,
    evaluate_epoch,
    make_optimizer,
    make_scheduler,
    train_epoch,
)


@dataclass(frozen=True)
class Start:
    """The files that a run begins with; random start values without.

    Attributes:
        weights: a weight file for the whole network, with the recipe's labels.
        backbone: `ir50.pth`, for the image stream.
        landmarks: `mobilefacenet_model_best.pth.tar`, for the landmark stream.
    """

    weights: str | Path | None = None
    backbone: str | Path | None = None
    landmarks: str | Path | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run tells how it goes; the default says nothing."""

    warning: Callable[[str], None] = field(default=lambda message: None)
    on_start: Callable[[int], None] = field(default=lambda total_steps: None)
    on_step: Callable[[int, Meter], None] = field(default=lambda epoch, meter: None)
    on_epoch: Callable[[Epoch], None] = field(default=lambda epoch: None)


def train(
    config: TrainConfig,
    data: str | Path,
    out: str | Path,
    dataset: str | None = None,
    device: str = "auto",
    start: Start | None = None,
    progress: Progress | None = None,
) -> list[Epoch]:
    """Train one network and keep the run in the folder `out`.

    The folder holds `config.json`, `curves.csv`, `curves.png` (where matplotlib is installed), `last.safetensors` and
    `best.safetensors`: the network after the last epoch, and after the one with the best accuracy on the evaluation
    split. All are written after each epoch.

    Args:
        dataset: the data's layout; by default found by itself.
        device: where to train, as `choose_device` takes it.
        start: the files that it begins with.

    Returns:
        One entry an epoch.

    Raises:
        UsageError: `out` is there and not empty, or the device is not there.
        DatasetError, LabelsError: the data cannot be read, or has classes that the recipe's labels lack.
        WeightsError: a file to begin with does not fit.
        TrainingError: the loss is no longer finite.
    """
    progress, out = progress or Progress(), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already; choose another folder for the run, or remove it")
    seed_everything(config.seed)
    labels = label_set(config.labels)
    train_split, valid_split = open_split(data, dataset, "train", labels), validation(data, dataset, labels)
    for split in (train_split, valid_split):
        if missing := split.empty_classes():
            progress.warning(f"no pictures of {', '.join(missing)} in {split.name!r}; it cannot be learned or judged")

    network = build(config.model, len(labels))
    begin(network, start or Start(), config, progress)
    network.landmark_stream.requires_grad_(not config.freeze_landmarks)
    target = choose_device(device)
    network.to(target, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    preprocessing = Preprocessing(
        network.config.image_size, grayscale=config.grayscale, margin=config.margin, mirror=config.mirror
    )
    train_batches = training_batches(train_split, preprocessing, config)
    valid_batches = evaluation_batches(valid_split, preprocessing, config)
    optimizer = make_optimizer(network, config)
    scheduler = make_scheduler(optimizer, config, len(train_batches))

    out.mkdir(parents=True, exist_ok=True)
    if not find_spec("matplotlib"):
        progress.warning("no curves.png without matplotlib; install it with: pip install 'posterv2[plot]'")
    provenance = describe(config, data, start or Start(), target, train_split, valid_split)
    with whole(out / "config.json") as draft:
        draft.write_text(json.dumps(provenance, indent=2) + "\n")
    progress.on_start(config.epochs * len(train_batches))
    training = Training(network, preprocessing, config, target, optimizer, scheduler)
    epochs: list[Epoch] = []
    for number in range(1, config.epochs + 1):
        training.on_step = lambda meter, number=number: progress.on_step(number, meter)
        epochs.append(one_epoch(training, number, train_batches, valid_batches))
        keep(out, training, provenance, epochs)
        progress.on_epoch(epochs[-1])
    return epochs


def validation(data: str | Path, dataset: str | None, labels: LabelSet) -> Split:
    """The split that the best epoch is chosen on: `valid`, or the only one there is beside `train`."""
    try:
        return open_split(data, dataset, "valid", labels)
    except DatasetError:  # AffectNet-8 is published with `test` alone
        return open_split(data, dataset, None, labels)


def begin(network: PosterNetwork, start: Start, config: TrainConfig, progress: Progress) -> None:
    """Fill the network from files; warn where the frozen stream would stay at random start values."""
    if start.weights is not None:
        other, _ = open_weights(start.weights, config.labels)
        if other.config != network.config:
            raise WeightsError(f"{start.weights} holds another network than {config.model}: {other.config}")
        network.load_state_dict(other.state_dict())
    if start.backbone is not None:
        load_backbone(network, start.backbone, "image_stream")
    if start.landmarks is not None:
        load_backbone(network, start.landmarks, "landmark_stream")
    elif config.freeze_landmarks and start.weights is None:
        progress.warning(
            "the landmark stream is frozen at random weights; give --landmarks FILE, or train it with "
            "freeze_landmarks=false"
        )


def one_epoch(training: Training, number: int, train_batches: Batches, valid_batches: Batches) -> Epoch:
    """Train on one pass over the training set, then measure on the evaluation split."""
    begun, lr = time.monotonic(), float(training.scheduler.get_last_lr()[0])
    meter = train_epoch(training, train_batches)
    valid_loss, confusion = evaluate_epoch(training, valid_batches)
    return Epoch(
        epoch=number,
        lr=lr,
        train_loss=meter.loss,
        train_accuracy=meter.accuracy,
        valid_loss=valid_loss,
        valid_accuracy=accuracy(confusion),
        valid_mean_class_accuracy=mean_class_accuracy(confusion),
        seconds=time.monotonic() - begun,
    )


def keep(out: Path, training: Training, provenance: dict[str, object], epochs: list[Epoch]) -> None:
    """Write the run folder anew after an epoch."""
    last = epochs[-1]
    header = WeightsHeader(
        name=training.config.model,
        config=training.network.config,
        labels=label_set(training.config.labels),
        preprocessing=training.preprocessing,
        metrics={"accuracy": last.valid_accuracy, "mean_class_accuracy": last.valid_mean_class_accuracy},
        training={**provenance, "epoch": last.epoch},
    )
    save(out / "last.safetensors", training.network, header)
    if all(last.valid_accuracy > earlier.valid_accuracy for earlier in epochs[:-1]):
        save(out / "best.safetensors", training.network, header)
    write_csv(out / "curves.csv", epochs)
    if find_spec("matplotlib"):
        draw(out / "curves.png", epochs)


def describe(
    config: TrainConfig, data: str | Path, start: Start, device: torch.device, train_split: Split, valid_split: Split
) -> dict[str, object]:
    """What the run folder and the weight files say about how they came to be: plain JSON values."""
    return {
        "config": json.loads(json.dumps(asdict(config))),
        "data": Path(data).name,
        "start": {name: Path(file).name for name, file in asdict(start).items() if file is not None},
        "train": {"split": train_split.name, "classes": train_split.counts()},
        "valid": {"split": valid_split.name, "classes": valid_split.counts()},
        "device": str(device),
        "versions": {"posterv2": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }


def seed_everything(seed: int) -> None:
    """Begin every random draw of Python, numpy and torch at `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
