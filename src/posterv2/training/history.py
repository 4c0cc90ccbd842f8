"""A run's curves, kept as CSV and as a picture."""

import csv
import shutil
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from posterv2.files import whole


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; accuracies are shares, `seconds` is the wall time of training and validation."""

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    valid_mean_class_accuracy: float
    seconds: float


def best_of(epochs: list[Epoch]) -> Epoch:
    """The epoch with the best accuracy, the first of equals."""
    return max(epochs, key=lambda epoch: epoch.valid_accuracy)


def write_csv(path: Path, epochs: list[Epoch]) -> None:
    """One row an epoch."""
    with whole(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Epoch))
        writer.writerows(astuple(epoch) for epoch in epochs)


def draw(path: Path, epochs: list[Epoch], split: str) -> None:
    """Loss and accuracy on the training set and on `split` over the epochs, as a PNG; needs matplotlib."""
    from matplotlib.figure import Figure  # no pyplot: no window, no global state
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    marker = "o" if len(epochs) == 1 else None
    losses.plot(numbers, [epoch.train_loss for epoch in epochs], label="training", marker=marker)
    losses.plot(numbers, [epoch.valid_loss for epoch in epochs], label=split, marker=marker)
    accuracies.plot(numbers, [epoch.train_accuracy for epoch in epochs], label="training", marker=marker)
    accuracies.plot(numbers, [epoch.valid_accuracy for epoch in epochs], label=split, marker=marker)
    best = max(epochs, key=lambda epoch: epoch.valid_accuracy)
    accuracies.plot(
        best.epoch, best.valid_accuracy, "k*", label=f"best: {best.valid_accuracy:.2%} after epoch {best.epoch}"
    )
    losses.set(title="Loss (cross-entropy)", xlabel="epoch")
    accuracies.set(title="Accuracy", xlabel="epoch")
    accuracies.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in (losses, accuracies):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    with whole(path) as draft:
        figure.savefig(draft, format="png", dpi=120)


def log(folder: Path, epochs: list[Epoch]) -> None:
    """All epochs as TensorBoard scalars; needs tensorboard.

    The folder is written anew, so that a run that went on from an earlier epoch shows each epoch once.
    """
    from torch.utils.tensorboard.writer import SummaryWriter

    shutil.rmtree(folder, ignore_errors=True)
    with SummaryWriter(str(folder)) as writer:
        for epoch in epochs:
            for name, value in asdict(epoch).items():
                writer.add_scalar(name, value, epoch.epoch)
