"""All that a run needs to go on bit for bit, in one file: no pickle, whole or not there.

Random states are not in it: each step draws from a seed of its own (`loop.draw_seed`), and each epoch's order from its
number, so where a run stands says what it will draw.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from posterv2.errors import TrainingError
from posterv2.files import write_whole
from posterv2.training.history import Epoch
from posterv2.training.loop import Meter, Training

STATE = "state.safetensors"
KEY = "posterv2.state"


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        epochs: the epochs that are done.
        meter: what the first steps of the next epoch came to; None between two epochs.
        seconds: how long the run has trained, over all its starts.
    """

    epochs: list[Epoch] = field(default_factory=list)
    meter: Meter | None = None
    seconds: float = 0.0


def save_state(path: Path, training: Training, position: Position) -> None:
    """Write network, its streams' heads, running mean, optimiser, schedule and position.

    Raises:
        OutputError: it cannot be written; the state that was there is still whole.
    """
    optimizer = training.optimizer.state_dict()
    tensors = training.supervised.state_dict()
    if training.average is not None:
        tensors |= {f"average.{name}": value for name, value in training.average.state_dict().items()}
    plain: dict[str, dict[str, object]] = {}
    for place, values in optimizer["state"].items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{place}.{name}"] = value
            else:
                plain.setdefault(str(place), {})[name] = value
    values = {
        "position": asdict(position),
        "optimizer": {"plain": plain, "groups": optimizer["param_groups"]},
        "scheduler": training.scheduler.state_dict(),
    }
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_whole(path, safetensors.torch.save(on_cpu, {KEY: json.dumps(values)}))


def load_state(path: Path, training: Training) -> Position:
    """Put a training where `save_state` found it.

    Raises:
        TrainingError: the file is broken, or of a run with other settings.
    """
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        parts = ("network.", "heads.")
        training.supervised.load_state_dict({name: tensors[name] for name in tensors if name.startswith(parts)})
        if training.average is not None:
            training.average.load_state_dict(_under("average.", tensors))
        state: dict[int, dict[str, object]] = {}
        for name, value in _under("optimizer.", tensors).items():
            place, _, key = name.partition(".")
            state.setdefault(int(place), {})[key] = value
        for place, plain in values["optimizer"]["plain"].items():
            state.setdefault(int(place), {}).update(plain)
        training.optimizer.load_state_dict({"state": state, "param_groups": values["optimizer"]["groups"]})
        for parameter, moments in training.optimizer.state.items():
            for name, value in moments.items():
                if value.shape == parameter.shape:  # fused steps walk through memory: both need one layout
                    moments[name] = torch.empty_like(parameter).copy_(value)
        training.scheduler.load_state_dict(values["scheduler"])
        position = values["position"]
        meter = None if position["meter"] is None else Meter(**position["meter"])
        return Position([Epoch(**epoch) for epoch in position["epochs"]], meter, position["seconds"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(f"{path}: no state that this run can go on from: {error}; start the run anew") from error


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
