"""The one training loop, as plain functions; `run` wires it to data, files and progress."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from posterv2.errors import TrainingError
from posterv2.models.poster import PosterNetwork
from posterv2.preprocessing import Preprocessing
from posterv2.training import sam
from posterv2.training.augment import augment, normalise
from posterv2.training.config import TrainConfig


@dataclass
class Meter:
    """Running means over all faces seen; with SAM both of a step's passes count, as in the published figures."""

    steps: int = 0
    faces: int = 0
    loss_sum: float = 0.0
    right: int = 0

    def add(self, loss: float, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Count one batch: mean loss, logits (B, C), targets (B, C)."""
        self.faces += len(logits)
        self.loss_sum += loss * len(logits)
        self.right += int((logits.argmax(1) == targets.argmax(1)).sum())

    @property
    def loss(self) -> float:
        """Mean loss a face."""
        return self.loss_sum / max(self.faces, 1)

    @property
    def accuracy(self) -> float:
        """Share of faces whose likeliest class is right."""
        return self.right / max(self.faces, 1)


@dataclass
class Training:
    """What the steps of a run share."""

    network: PosterNetwork
    preprocessing: Preprocessing
    config: TrainConfig
    device: torch.device
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    on_step: Callable[[Meter], None] = field(default=lambda meter: None)


def make_optimizer(network: PosterNetwork, config: TrainConfig) -> torch.optim.Optimizer:
    """The config's optimiser over all parameters that get a gradient."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay, fused=True)
    # The fused forms are one kernel instead of hundreds of small ones.
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, config.lr, weight_decay=config.weight_decay, fused=True)


def make_scheduler(optimizer: torch.optim.Optimizer, config: TrainConfig, steps_per_epoch: int) -> LRScheduler:
    """The config's learning rate, set anew after every step."""
    if config.schedule == "one-cycle":
        return OneCycleLR(optimizer, config.lr, total_steps=config.epochs * steps_per_epoch, pct_start=config.warmup)
    return LambdaLR(optimizer, lambda step: config.lr_decay ** (step // steps_per_epoch))


def train_epoch(training: Training, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Meter:
    """One pass over the training set.

    Raises:
        TrainingError: the loss is no longer a finite number.
    """
    network, config, device = training.network.train(), training.config, training.device
    meter = Meter()
    for pixels, targets in batches:
        faces = augment(pixels.to(device, non_blocking=True), training.preprocessing, config)
        faces = faces.contiguous(memory_format=torch.channels_last)
        targets = targets.to(device, non_blocking=True)

        def forward_backward(faces: torch.Tensor = faces, targets: torch.Tensor = targets) -> None:
            with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                logits = network(faces)
            loss = F.cross_entropy(logits.float(), targets)
            loss.backward()
            meter.add(float(loss.detach()), logits.detach(), targets)

        meter.steps += 1
        sam.step(training.optimizer, forward_backward, config.sam_rho, config.clip_norm)
        training.scheduler.step()
        if not np.isfinite(meter.loss_sum):
            raise TrainingError(
                f"the loss became {meter.loss_sum} at a learning rate of {training.scheduler.get_last_lr()[0]:.3g}; "
                "try a smaller lr"
            )
        training.on_step(meter)
    return meter


@torch.inference_mode()
def evaluate_epoch(
    training: Training, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> tuple[float, np.ndarray]:
    """Mean loss and confusion matrix (C, C), rows true, columns predicted, in eval mode."""
    network = training.network.eval()
    meter, classes = Meter(), network.config.classes
    confusion = np.zeros((classes, classes), np.int64)
    for pixels, targets in batches:
        faces = normalise(pixels.to(training.device), training.preprocessing)
        faces = faces.contiguous(memory_format=torch.channels_last)
        logits = network(faces).float()
        if training.preprocessing.mirror:
            logits = (logits + network(faces.flip(-1)).float()) / 2
        targets = targets.to(training.device)
        meter.add(float(F.cross_entropy(logits, targets)), logits, targets)
        np.add.at(confusion, (targets.argmax(1).cpu().numpy(), logits.argmax(1).cpu().numpy()), 1)
    return meter.loss, confusion
