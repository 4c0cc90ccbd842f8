"""The one training loop, as plain functions; `run` wires it to data, files and progress."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from posterv2.errors import TrainingError
from posterv2.evaluation.metrics import confusion_matrix
from posterv2.models.poster import PosterNetwork
from posterv2.preprocessing import Preprocessing
from posterv2.training import sam
from posterv2.training.augment import Draws, augment, normalise, seen
from posterv2.training.config import TrainConfig
from posterv2.training.distributed import World
from posterv2.training.faces import Faces, epoch_order, steps
from posterv2.training.supervision import Supervised
from posterv2.training.teachers import Teachers


@dataclass
class Meter:
    """Running means over all faces seen; with SAM both of a step's passes count, as in the published figures.

    `lr` is the learning rate of the first step.
    """

    steps: int = 0
    faces: int = 0
    loss_sum: float = 0.0
    right: int = 0
    lr: float = 0.0

    def add(self, loss_sum: float, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Count one batch: its summed loss, logits (B, C), targets (B, C)."""
        self.faces += len(logits)
        self.loss_sum += loss_sum
        self.right += int((logits.argmax(1) == targets.argmax(1)).sum())

    def over(self, world: World) -> "Meter":
        """The same over all processes."""
        faces, loss_sum, right = world.total(self.faces, self.loss_sum, self.right)
        return Meter(self.steps, int(faces), loss_sum, int(right), self.lr)

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
    """What the steps of a run share.

    Attributes:
        supervised: what is trained, with its streams' own heads.
        wrapped: the same behind `torch.compile` and the exchange of gradients between processes.
        teachers: the networks whose answers are a part of the targets.
        average: the running mean of its weights, where the config asks for one.
        on_step: called after each step with what the epoch came to until then; what it returns ends the epoch early.
    """

    supervised: Supervised
    preprocessing: Preprocessing
    config: TrainConfig
    device: torch.device
    world: World
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    teachers: Teachers | None = None
    average: AveragedModel | None = None
    on_step: Callable[[Meter], bool] = field(default=lambda meter: False)

    @classmethod
    def of(
        cls,
        network: PosterNetwork,
        preprocessing: Preprocessing,
        config: TrainConfig,
        steps_per_epoch: int,
        device: torch.device | None = None,
        world: World | None = None,
        teachers: Teachers | None = None,
    ) -> "Training":
        """A training at its beginning; the network moves to the device."""
        device, world = device or torch.device("cpu"), world or World()
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        supervised = Supervised(network, streams=config.stream_loss > 0)
        supervised.to(device, memory_format=layout)  # pyright: ignore[reportCallIssue]
        if teachers is not None:
            teachers.to(device, memory_format=layout)  # pyright: ignore[reportCallIssue]
        if config.compile:
            supervised.compile(dynamic=False)  # an epoch has two sizes of batch, each compiled for itself
        wrapped = world.wrap(supervised, device)
        optimizer = make_optimizer(supervised, config)
        average = None
        if config.ema:
            average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        scheduler = make_scheduler(optimizer, config, steps_per_epoch)
        return cls(supervised, preprocessing, config, device, world, wrapped, optimizer, scheduler, teachers, average)

    @property
    def network(self) -> PosterNetwork:
        """What is trained."""
        return self.supervised.network

    @property
    def kept(self) -> PosterNetwork:
        """The network that is measured and written: the running mean where there is one."""
        if self.average is None:
            return self.network
        assert isinstance(self.average.module, PosterNetwork)
        return self.average.module


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
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
        total = config.epochs * steps_per_epoch
        # torch divides by zero where a rise or a fall has a single step.
        rise = min(max(config.warmup * total, 1.5), total - 0.5)
        return OneCycleLR(optimizer, config.lr, total_steps=total, pct_start=rise / total)
    return LambdaLR(optimizer, lambda step: config.lr_decay ** (step // steps_per_epoch))


def train_epoch(training: Training, faces: Faces, epoch: int, meter: Meter | None = None) -> Meter:
    """One pass over the training set, or the rest of one.

    Every random draw is a function of seed, epoch and step (within the network of the process too), so the rest of an
    epoch is what it would have been had the run never stopped.

    Args:
        epoch: its number, from 1.
        meter: what its first `meter.steps` steps came to, where they are done.

    Returns:
        What the epoch came to in this process.

    Raises:
        TrainingError: the loss is no longer a finite number.
    """
    config, world, meter = training.config, training.world, meter or Meter()
    if meter.steps == 0:
        meter.lr = float(training.optimizer.param_groups[0]["lr"])
    training.wrapped.train()
    still_streams(training)
    batches = steps(epoch_order(faces, config, epoch), config.batch_size)
    for batch in islice(batches, meter.steps, None):
        torch.manual_seed(draw_seed(config.seed, epoch, meter.steps))
        here = slice(world.rank, None, world.size)
        mine = batch[here]
        # A process without a face in the last batch still takes part in the exchange of gradients.
        if not len(mine):
            here = slice(0, 1)
        pixels, targets = faces.batch(batch[here])
        pixels, targets = pixels.to(training.device), targets.to(training.device)
        draws = Draws(len(batch), here, training.device)
        inputs = augment(pixels, training.preprocessing, config, draws, training.network.config.pixel_stride)
        torch.manual_seed(draw_seed(config.seed, epoch, meter.steps, world.rank))  # for what the network draws
        if config.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        # The mean over processes of their sums times this is the mean over the batch.
        weight = world.size / len(batch) if len(mine) else 0.0
        # As many parts in each process, none of them empty: each part's backward pass is one exchange of gradients.
        count = max(1, min(config.accumulate, len(batch) // world.size))
        parts = list(zip(inputs.tensor_split(count), targets.tensor_split(count), strict=True))

        def forward_backward(perturbed: bool, parts: list = parts, weight: float = weight) -> None:
            with still_statistics(training.network, perturbed and not config.sam_statistics):
                for faces, targets in parts:
                    with (
                        torch.autocast(training.device.type, torch.bfloat16, enabled=config.precision == "bf16"),
                        attention_kernel(training.device),
                    ):
                        logits, *own = training.wrapped(faces)
                        if training.teachers is not None:
                            targets = torch.lerp(targets, training.teachers(faces), config.distillation)
                    loss, *own = (
                        F.cross_entropy(each.float(), targets, reduction="sum", label_smoothing=config.label_smoothing)
                        for each in (logits, *own)
                    )
                    ((loss + config.stream_loss * sum(own)) * weight).backward()
                    if weight:
                        meter.add(float(loss.detach()), logits.detach(), targets)

        sam.step(training.optimizer, forward_backward, config.sam_rho, config.clip_norm)
        training.scheduler.step()
        if training.average is not None:
            training.average.update_parameters(training.network)
        meter.steps += 1
        if not np.isfinite(meter.loss_sum):
            raise TrainingError(
                f"the loss became {meter.loss_sum} at a learning rate of {training.scheduler.get_last_lr()[0]:.3g}; "
                "try a smaller lr"
            )
        if training.on_step(meter):
            break
    return meter


def attention_kernel(device: torch.device) -> AbstractContextManager[object]:
    """Plain products on CPUs, where the backward pass of torch's fused attention takes several times as long."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def draw_seed(*numbers: int) -> int:
    """One seed from several numbers; neighbours give unrelated draws."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def still_streams(training: Training) -> None:
    """Put a frozen landmark stream whose statistics are not to move into eval mode."""
    if training.config.freeze_landmarks and not training.config.landmark_statistics:
        training.network.landmark_stream.eval()


@contextmanager
def still_statistics(network: nn.Module, still: bool) -> Iterator[None]:
    """Within it, batch norm normalises by the batch as ever, and its running statistics stay where they are."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms if still else ():
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@torch.inference_mode()
def evaluate_epoch(training: Training, faces: Faces) -> tuple[float, np.ndarray]:
    """Mean loss and confusion matrix (C, C), rows true, columns predicted, over all processes, in eval mode."""
    network, preprocessing, world = training.kept.eval(), training.preprocessing, training.world
    classes, stride = network.config.classes, network.config.pixel_stride
    world.share(network.buffers())
    meter, confusion = Meter(), np.zeros((classes, classes), np.int64)
    for batch in steps(np.arange(len(faces))[world.rank :: world.size], training.config.batch_size):
        pixels, targets = faces.batch(batch)
        pixels, targets = pixels.to(training.device), targets.to(training.device)
        views = [pixels, pixels.flip(-1)] if preprocessing.mirror else [pixels]
        inputs = [normalise(seen(view, preprocessing.size, stride), preprocessing) for view in views]
        if training.config.channels_last:
            inputs = [view.contiguous(memory_format=torch.channels_last) for view in inputs]
        logits = torch.stack([network(view).float() for view in inputs]).mean(0)
        meter.add(float(F.cross_entropy(logits, targets, reduction="sum")), logits, targets)
        confusion += confusion_matrix(targets.argmax(1).cpu().numpy(), logits.argmax(1).cpu().numpy(), classes)
    total = world.total(*confusion.ravel().tolist())
    return meter.over(world).loss, np.array(total, np.int64).reshape(classes, classes)
