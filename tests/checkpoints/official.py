"""Files in the published forms, small enough for a test: each tensor is one value, repeated without taking room."""

import io
import json
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

NAMES: dict[str, list[int]] = json.loads(Path(__file__).with_name("published_names.json").read_text())
"""Every name of the published network with seven classes, and its shape."""


class RecorderMeter:
    """Curves of the published script, which defines this class in its `__main__`."""

    def __init__(self, **state):
        vars(self).update(state)


class RecorderMeter1(RecorderMeter):
    pass


RecorderMeter.__module__ = RecorderMeter1.__module__ = "__main__"


def weights(classes: int = 7) -> OrderedDict[str, torch.Tensor]:
    """The published network's entries, each filled with one value of its own."""
    result = OrderedDict()
    for place, (name, size) in enumerate(NAMES.items()):
        shape = [classes, *size[1:]] if name.startswith("VIT.head") else size
        whole = name.endswith(("num_batches_tracked", "relative_position_index"))
        value = torch.tensor(place) if whole else torch.tensor(0.01 + place / 10_000)
        result[name] = value.reshape([1] * len(shape)).expand(shape)
    return result


def part(prefix: str) -> OrderedDict[str, torch.Tensor]:
    """One backbone's entries under its own names."""
    return OrderedDict(
        (name.removeprefix(prefix), value) for name, value in weights().items() if name.startswith(prefix)
    )


def checkpoint(classes: int = 7, optimizer: bool = False) -> dict[str, object]:
    """What the published script saves after an epoch."""
    state = OrderedDict((f"module.{name}", value) for name, value in weights(classes).items())
    state._metadata = OrderedDict({"": {"version": 1}})  # pyright: ignore[reportAttributeAccessIssue]
    content: dict[str, object] = {
        "epoch": 173,
        "state_dict": state,
        "best_acc": torch.tensor([92.2099]),
        "recorder1": RecorderMeter1(current_epoch=0, y_pred=np.arange(44) % 7),
        "recorder": RecorderMeter(current_epoch=200, epoch_losses=np.zeros((200, 2), np.float32)),
    }
    if optimizer:
        group = {"rho": 0.05, "lr": 3.5e-5, "betas": (0.9, 0.999), "params": [0]}
        content["optimizer"] = {"state": {0: {"old_p": torch.zeros(3)}}, "param_groups": [group]}
    return content


def save(content: object, path: Path, legacy: bool = False, numpy1: bool = False, cuda: bool = False) -> Path:
    """Save with torch as the published script does; `cuda` lets the storages lie on a GPU, `numpy1` is old numpy."""
    main = sys.modules["__main__"]
    recorders = {"RecorderMeter": RecorderMeter, "RecorderMeter1": RecorderMeter1}
    vars(main).update(recorders)
    try:
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    finally:
        for name in recorders:
            delattr(main, name)
    if legacy:
        path.write_bytes(_edited(buffer.getvalue(), numpy1, cuda))
        return path
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            target.writestr(entry, _edited(data, numpy1, cuda) if entry.filename.endswith("data.pkl") else data)
    return path


def _edited(pickle: bytes, numpy1: bool, cuda: bool) -> bytes:
    if cuda:
        pickle = pickle.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")
    return pickle.replace(b"cnumpy._core.", b"cnumpy.core.") if numpy1 else pickle
