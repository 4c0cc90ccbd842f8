"""The header of our weight files: what a network needs beside its numbers to be used rightly."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from safetensors import SafetensorError, safe_open

from posterv2 import __version__
from posterv2.calibration import Calibration
from posterv2.errors import LabelsError, UsageError, WeightsError, shown
from posterv2.labels import LabelSet
from posterv2.models.config import PosterConfig
from posterv2.preprocessing import Preprocessing

KEY = "posterv2"
"""Where the header stands: this key of a safetensors file's metadata and of an ONNX file's metadata."""

FORMAT = 3
"""The newest header format that this version of posterv2 reads, and the one it writes."""


@dataclass(frozen=True)
class WeightsHeader:
    """All that stands beside the numbers: a weight file alone rebuilds network, preprocessing and label contract.

    Attributes:
        name: what the weights are called, `posterv2-nano`.
        config: the network they belong to.
        labels: which logit is which class.
        preprocessing: how a face becomes an input.
        metrics: measured results by name, shares as 0..1.
        licence: under which terms the weights may be used; empty where nobody said.
        training: how they came to be; plain JSON values.
        calibration: how logits become probabilities; None where they are taken as they are.
        version: the version of posterv2 that wrote them.
        format: the version of the header that it was read from.

    Raises:
        WeightsError: config, labels and preprocessing contradict each other.
    """

    name: str
    config: PosterConfig
    labels: LabelSet
    preprocessing: Preprocessing
    metrics: dict[str, float] = field(default_factory=dict)
    licence: str = ""
    training: dict[str, object] = field(default_factory=dict)
    calibration: Calibration | None = None
    version: str = __version__
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.config.classes != len(self.labels):
            raise WeightsError(f"the network has {self.config.classes} classes, but its labels are {self.labels}")
        if self.calibration is not None and len(self.calibration.scale) != len(self.labels):
            raise WeightsError(f"the calibration is for {len(self.calibration.scale)} classes, not {len(self.labels)}")
        if self.config.image_size != self.preprocessing.size:
            raise WeightsError(
                f"the network takes {self.config.image_size} pixels, its preprocessing makes {self.preprocessing.size}"
            )

    def expect(self, config: PosterConfig) -> None:
        """Refuse a header that is not of the network with `config`.

        Raises:
            WeightsError: the configs differ; the message shows both.
        """
        if self.config != config:
            raise WeightsError(f"the header describes another network: {self.config}, the network is {config}")

    def expect_labels(self, labels: LabelSet | None, source: str) -> None:
        """Refuse labels that a user names for the file `source`, unless they are its own; None asks for nothing.

        Raises:
            LabelsError: they differ; the message shows both.
        """
        if labels is not None and labels.names != self.labels.names:
            raise LabelsError(f"{source} carries its labels, {self.labels}; they cannot become {labels}")

    def to_json(self) -> str:
        """One line of JSON, the same in every kind of file, in the newest format."""
        return json.dumps(asdict(self) | {"format": FORMAT}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The header that `to_json` gave.

        Raises:
            WeightsError: not such a JSON text, an unknown or missing field, a value that cannot be, or a newer format.
        """
        try:
            values = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"the header is no JSON: {error}") from error
        version = values.get("format") if isinstance(values, dict) else None
        if type(version) is not int or version < 1:
            raise WeightsError(f"the header names no format, a whole number from 1 up, got {shown(version)}")
        if version > FORMAT:
            raise WeightsError(
                f"the header has format {shown(version)}, this posterv2 {__version__} reads up to {FORMAT}; "
                "install a newer posterv2"
            )
        if version < 2:
            values |= {"calibration": None}  # which the first format did not know
        calibration = values.get("calibration")
        if version < 3 and isinstance(values.get("preprocessing"), dict):
            values["preprocessing"] |= {"exposure": False}  # nor the second
        _check("header", values, _HEADER | {"calibration": type(None) if calibration is None else dict})
        labels, preprocessing = values["labels"], values["preprocessing"]
        _check("labels", labels, {"id": str, "names": list})
        _check("preprocessing", preprocessing, _PREPROCESSING)
        _check_each("labels", labels["names"], str)
        _check_each("preprocessing", [*preprocessing["mean"], *preprocessing["std"]], float)
        _check_each("metrics", values["metrics"].values(), float)
        if calibration is not None:
            _check("calibration", calibration, _CALIBRATION)
            for name in ("scale", "bias", "quantiles"):
                _check_each("calibration", calibration[name], float)
        try:
            values["labels"] = LabelSet(labels["id"], tuple(labels["names"]))
            values["config"] = PosterConfig.from_dict(values["config"])
            if calibration is not None:
                lists = {name: tuple(value) for name, value in calibration.items() if isinstance(value, list)}
                values["calibration"] = Calibration(**calibration | lists)
            values["preprocessing"] = Preprocessing(
                **preprocessing | {"mean": tuple(preprocessing["mean"]), "std": tuple(preprocessing["std"])}
            )
        except UsageError as error:
            raise WeightsError(f"the header holds a value that cannot be: {error}") from error
        return cls(**values)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None, source: str) -> Self:
        """The header in the metadata of a safetensors or an ONNX file; `source` names the file in errors.

        Raises:
            WeightsError: there is none, or `from_json` refuses it.
        """
        text = (metadata or {}).get(KEY)
        if text is None:
            raise WeightsError(f"{source}: no posterv2 header in it; posterv2 did not write this file")
        try:
            return cls.from_json(text)
        except WeightsError as error:
            raise WeightsError(f"{source}: {error}") from error


_LARGEST = 3e38
_HEADER = {
    "name": str,
    "config": dict,
    "labels": dict,
    "preprocessing": dict,
    "metrics": dict,
    "licence": str,
    "training": dict,
    "version": str,
    "format": int,
}
_CALIBRATION = {"scale": list, "bias": list, "quantiles": list, "fitted_on": str}
_PREPROCESSING = {
    "size": int,
    "mean": list,
    "std": list,
    "grayscale": bool,
    "margin": float,
    "mirror": bool,
    "exposure": bool,
}


def _check(what: str, values: dict[str, object], kinds: Mapping[str, type]) -> None:
    if values.keys() != kinds.keys():
        raise WeightsError(f"the {what} need the fields {', '.join(kinds)}; got {', '.join(values)}")
    for name, kind in kinds.items():
        if not _is(values[name], kind):
            raise WeightsError(f"the {what}: {name!r} cannot be {shown(values[name])}")


def _check_each(what: str, values: Iterable[object], kind: type) -> None:
    for value in values:
        if not _is(value, kind):
            raise WeightsError(f"the {what} cannot hold {shown(value)}")


def _is(value: object, kind: type) -> bool:
    """Whether JSON gave this kind of value; `float` is any number that float32 can hold."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
    return type(value) is kind


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def open_numbers(path: str | Path) -> safe_open:
    """A safetensors file, to be read as it is now whatever takes its name later; a context manager.

    Raises:
        WeightsError: the file is missing, or is no safetensors file.
    """
    try:
        return safe_open(str(path), framework="numpy")
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: no safetensors file that can be read: {error}") from error


def read_header(path: str | Path) -> WeightsHeader:
    """The header of our safetensors file; its numbers are not read.

    Raises:
        WeightsError: the file is missing, is no safetensors file, or holds no header that this version reads.
    """
    with open_numbers(path) as file:
        return WeightsHeader.from_metadata(file.metadata(), str(path))
