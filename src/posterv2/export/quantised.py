"""int8: who rounds the network, on which faces, and what that costs on others."""

import os
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from types import ModuleType
from typing import Any

import numpy as np

from posterv2.data.split import Split
from posterv2.errors import DatasetError, WeightsError, require
from posterv2.evaluation.calibrate import Logits
from posterv2.export.agreement import LOST_ACCURACY, NORMS, SAME_ANSWERS, Agreement

CALIBRATED_ON = 300
"""Faces at most; of fewer than twice as many, half."""
HELD_OUT = 2000
"""Faces at most, of those that are left."""
_LEAST = 40


def parted(split: Split) -> tuple[Split, Split]:
    """The faces to calibrate on, and others to measure on, drawn the same way each time.

    Raises:
        DatasetError: there are too few.
    """
    if len(split) < _LEAST:
        raise DatasetError(
            f"int8 needs at least {_LEAST} faces, half to calibrate on and half to measure, got {len(split)}"
        )
    order = np.random.default_rng(0).permutation(len(split))
    first = min(CALIBRATED_ON, len(split) // 2)
    chosen = np.zeros((2, len(split)), bool)
    chosen[0, order[:first]] = chosen[1, order[first : first + HELD_OUT]] = True
    return split.subset(chosen[0]), split.subset(chosen[1])


def quantiser() -> ModuleType:
    """NNCF, silent.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ["NNCF_CI"] = "1"  # or it would report its use over the network
    nncf = require("nncf", "export")
    nncf.set_log_level(40)  # errors
    return nncf


def quantise(model: Any, samples: list[Any], unrounded: list[str]) -> Any:
    """Post-training quantisation by NNCF, with smoothed activations as for transformers.

    Args:
        model: an ONNX or an OpenVINO model.
        samples: its input for each face to calibrate on.
        unrounded: names of its nodes that stay as they are.

    Raises:
        MissingExtraError: NNCF is not installed.
    """
    nncf = quantiser()
    with redirect_stdout(StringIO()):  # it draws bars of its own
        return nncf.quantize(
            model,
            nncf.Dataset(samples),
            subset_size=len(samples),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            model_type=nncf.ModelType.TRANSFORMER,
            ignored_scope=nncf.IgnoredScope(names=unrounded),
        )


@dataclass(frozen=True)
class Cost:
    """What int8 did to faces that it was not calibrated on.

    Attributes:
        faces: how many they are.
        accuracy: the network's on them.
        change: of the accuracy, below 0 where it fell.
        agreement: of the logits.
    """

    faces: int
    accuracy: float
    change: float
    agreement: Agreement

    def __str__(self) -> str:
        return (
            f"on {self.faces:,} held-out faces accuracy {self.accuracy:.2%} becomes {self.accuracy + self.change:.2%}, "
            f"{self.agreement.same_answers:.2%} have the same answer, logits differ by {self.agreement.of_norm:.2%} of "
            "their norm"
        )


def judged(network: Logits, file: Logits, path: object) -> Cost:
    """What both say about the held-out faces.

    Raises:
        WeightsError: the file is too far from the network, by its logits and by its answers too.
    """
    before, after = (float((each.values.argmax(axis=1) == each.targets).mean()) for each in (network, file))
    cost = Cost(len(file.targets), before, after - before, Agreement.of(network.values, file.values))
    close = cost.agreement.holds("int8")
    if not close and (cost.agreement.same_answers < SAME_ANSWERS or cost.change < -LOST_ACCURACY):
        raise WeightsError(
            f"{path}: not written, {cost}; needed are at most {NORMS['int8']:.0%} of the norm, or at least "
            f"{SAME_ANSWERS:.0%} same answers and at most {LOST_ACCURACY:.1%} of accuracy lost"
        )
    return cost
