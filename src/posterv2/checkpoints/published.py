"""Weight files of the published POSTER V2 training script."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from posterv2.checkpoints import restricted
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.matching import matched
from posterv2.checkpoints.names import PUBLISHED, PUBLISHED_DROPPED, renamed
from posterv2.errors import LabelsError, WeightsError, cut, shown
from posterv2.labels import LABEL_SETS, LabelSet, choices, label_set
from posterv2.models.config import network_config
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import Preprocessing

_HEAD = "VIT.head.linear.weight"


@dataclass(frozen=True)
class PublishedFile:
    """What one of these files holds.

    Attributes:
        tensors: the weights under their published names, without `module.`.
        classes: number of logits, read off the head; the file does not say which is which.
        form: how the weights lie in the file, in words.
        epoch: the epoch after which it was written, where the file says one that can be.
        best_accuracy: the best accuracy until then as a share, on the split that the script tested on.
    """

    tensors: dict[str, torch.Tensor]
    classes: int
    form: str
    epoch: int | None
    best_accuracy: float | None

    @property
    def dropped(self) -> list[str]:
        """Names of the entries that are not built, all of them on the drop list."""
        return [name for name in self.tensors if name in PUBLISHED_DROPPED]

    @property
    def fitting_labels(self) -> list[str]:
        """Ids of the known label sets with as many classes."""
        return [label_set.id for label_set in LABEL_SETS.values() if len(label_set) == self.classes]


def state_in(content: dict[str | int, object], source: str, *keys: str) -> tuple[dict[str, torch.Tensor], str]:
    """The weights in what a torch file holds: under one of `keys`, or bare; and that form in words.

    A `module.` before every name, from data-parallel training, is taken off.

    Raises:
        WeightsError: there is an entry that is no named tensor.
    """
    key = next((key for key in keys if isinstance(content.get(key), dict)), None)
    entries = content if key is None else content[key]
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in entries.items() if isinstance(entries, dict) else ():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(
                f"{source}: entry {shown(name)} is a {type(tensor).__name__}, not weights; "
                f"weights are looked for bare or under {' or '.join(keys)}"
            )
        tensors[name] = tensor
    parallel = bool(tensors) and all(name.startswith("module.") for name in tensors)
    if parallel:
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    form = "bare" if key is None else f"under {key}"
    return tensors, f"{form}, with module. before each name" if parallel else form


def read_published(path: str | Path) -> PublishedFile:
    """Read a file of the published script: its weights bare or under `state_dict`, with or without `module.`.

    Raises:
        UnsafeWeightsError: it asks for code to be run.
        WeightsError: it is missing, broken, or holds another network's weights.
    """
    content = restricted.load(path)
    tensors, form = state_in(content, str(path), "state_dict")
    if not any(renamed(name, PUBLISHED) for name in tensors):
        names = ", ".join(map(cut, list(tensors)[:3])) or "none"
        raise WeightsError(f"{path}: it holds no POSTER V2 network; the first of its {len(tensors)} entries: {names}")
    if _HEAD not in tensors or tensors[_HEAD].ndim != 2:
        raise WeightsError(f"{path} does not fit the network: missing {_HEAD}, or not of two dimensions")
    epoch, best = content.get("epoch"), content.get("best_acc")
    if isinstance(best, torch.Tensor) and best.numel() == 1:
        best = best.item()
    return PublishedFile(
        tensors,
        len(tensors[_HEAD]),
        form,
        epoch if type(epoch) is int and 0 <= epoch < 10**9 else None,
        best / 100 if isinstance(best, float) and 0 <= best <= 100 else None,
    )


def read_state(
    path: str | Path, labels: str | Sequence[str] | LabelSet | None
) -> tuple[dict[str, torch.Tensor], WeightsHeader]:
    """The state of a published file's network under its names here, on the CPU, with the labels that the user names.

    Raises:
        LabelsError: no labels are named, or not as many as the network has classes.
        UnsafeWeightsError, WeightsError: as from `read_published`; or entries are missing, unexpected, misshapen.
    """
    file = read_published(path)
    if labels is None:
        fitting = ", ".join(file.fitting_labels) or "none"
        raise LabelsError(
            f"{path} carries no labels; name them: {choices()}; of these, with {file.classes} classes: {fitting}"
        )
    named = label_set(labels)
    if len(named) != file.classes:
        raise LabelsError(f"{path} has {file.classes} classes, the labels are {len(named)}: {named}")
    config = network_config("posterv2", file.classes)
    with torch.device("meta"):  # its shapes alone
        outline = build(config)
    state = matched(outline, file.tensors, str(path), PUBLISHED, dropped=PUBLISHED_DROPPED)
    stated = {"epoch": file.epoch, "best_accuracy": file.best_accuracy}
    training = {
        "source": "published checkpoint",
        **{name: value for name, value in stated.items() if value is not None},
    }
    return state, WeightsHeader("posterv2", config, named, Preprocessing(), training=training)


def open_published(
    path: str | Path, labels: str | Sequence[str] | LabelSet | None
) -> tuple[PosterNetwork, WeightsHeader]:
    """The network of a published file, on the CPU and in eval mode, with the labels that the user names.

    Raises:
        LabelsError, UnsafeWeightsError, WeightsError: as from `read_state`.
    """
    state, header = read_state(path, labels)
    with torch.random.fork_rng(devices=[]):  # start values are drawn in vain; the caller's draws stay as they were
        network = build(header.config)
    network.load_state_dict(state)
    return network.eval(), header
