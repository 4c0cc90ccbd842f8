"""Files that try to run code when they are read: each payload writes a marker file where it succeeds."""

import io
import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch._utils import _rebuild_parameter

from tests.checkpoints.official import RecorderMeter


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


class TensorSubclass(torch.Tensor):
    pass


class Network(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.inner = inner


ATTACKS = {
    "os.system": "os.system (written posix.system)",
    "eval": "builtins.eval (written __builtin__.eval)",
    "exec": "builtins.exec (written __builtin__.exec)",
    "popen": "subprocess.Popen (written commands.Popen)",
    "getattr": "builtins.getattr (written __builtin__.getattr)",
    "pickle in a pickle": "pickle.loads",
    "torch.load in torch.load": "torch.storage._load_from_bytes",
    "object array": "os.system (written posix.system)",
    "tensor subclass": "torch._tensor._rebuild_from_type_v2",
    "whole module": f"{Network.__module__}.Network",
    "state of a dictionary": "os.system (written posix.system)",
    "items of a dictionary": "os.system (written posix.system)",
    "hooks of a parameter": "os.system (written posix.system)",
    "recorder": "os.system (written posix.system)",
    "key": "os.system (written posix.system)",
}
"""Kind of attack -> the name that the refusal must show."""


def attack(kind: str, marker: Path) -> object:
    """An object that, unpickled by Python itself, writes `marker`."""
    system = Call(os.system, f"touch '{marker}'")
    if kind == "torch.load in torch.load":
        inner = io.BytesIO()
        torch.save(system, inner)
        return Call(torch.storage._load_from_bytes, inner.getvalue())
    if kind == "tensor subclass":
        tensor = torch.zeros(2).as_subclass(TensorSubclass)
        tensor.inner = system  # pyright: ignore[reportAttributeAccessIssue]
        return tensor
    return {
        "os.system": system,
        "eval": Call(eval, f"open({str(marker)!r}, 'w').close()"),
        "exec": Call(exec, f"open({str(marker)!r}, 'w').close()"),
        "popen": Call(subprocess.Popen, ("touch", str(marker))),
        "getattr": Call(getattr, system, "real"),
        "pickle in a pickle": Call(pickle.loads, pickle.dumps(system)),
        "object array": np.array([system, None], dtype=object),
        "whole module": Network(system),
        "state of a dictionary": Call(OrderedDict, state={"_metadata": system}),
        "items of a dictionary": OrderedDict(a=torch.zeros(2), b=system),
        "hooks of a parameter": Call(_rebuild_parameter, torch.zeros(2), True, system),
        "recorder": RecorderMeter(y_pred=np.arange(3), y_true=system),
        "key": {system: 1},
    }[kind]
