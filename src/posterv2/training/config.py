"""The settings of a training run: a recipe from `recipes/*.toml`, and what the user set otherwise."""

import inspect
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import resources
from typing import Literal, Self, get_args, get_origin

from posterv2.errors import UsageError
from posterv2.labels import label_set
from posterv2.models.config import network_config

DATA_LABELS = "data"
"""The `labels` of a run that takes the data set's own classes."""


@dataclass(frozen=True)
class TrainConfig:
    """What one run does; the defaults are what every published recipe shares (arXiv 2301.12149, section 4.2).

    Attributes:
        recipe: the recipe that these settings began with.
        model: the network, `posterv2` or `posterv2-nano`.
        labels: the label set that the weights will carry; `data` takes the data set's own.
        epochs: passes over the training set.
        batch_size: faces a step, over all processes together.
        accumulate: parts that a step's faces go through the network in, one after the other; takes less memory.
        seed: begins every random draw.
        optimizer: `adam`, `adamw` or `sgd` (momentum 0.9).
        lr: learning rate; the peak of a one-cycle schedule.
        weight_decay: the optimiser's weight decay.
        schedule: `exponential` (times `lr_decay` after each epoch) or `one-cycle` (up, then down).
        warmup: share of the steps in which the one-cycle schedule rises.
        lr_decay: factor on the learning rate after each epoch of the exponential schedule.
        clip_norm: gradients are scaled down to this norm; 0 leaves them.
        sam_rho: radius of sharpness-aware minimisation, which doubles a step's cost; 0 takes plain steps.
        sam_statistics: SAM's second pass moves the batch-norm statistics too, as published.
        freeze_landmarks: the landmark stream gets no gradient.
        landmark_statistics: the batch-norm statistics of a frozen landmark stream move all the same, as published.
        stream_loss: weight of the loss of each stream's own answer; for streams that begin at random weights.
        distillation: share of each target that is the teachers' mean answer, in a run that has teachers.
        soft_labels: targets are the annotators' votes where the data set has them; else one class a face.
        label_smoothing: share of each target that is spread over all classes.
        ema: the kept network is a running mean of the weights with this decay a step; 0 keeps the weights.
        selection: the best epoch is chosen on a `holdout` of the training set, or (`published`) on the test split.
        holdout: share of each class of the training set that is held out.
        sampler: `shuffle`, or `balanced` (each class equally likely, with replacement).
        crop: what of a picture is taken: `whole`, or the likeliest `face` found in it (all of it where none is found).
        grayscale: the network sees grey faces only, in training and in prediction.
        margin: what prediction adds around a detected box, a share of its side, to crop as the training faces are.
        mirror: validation and prediction take the mean over a face and its mirror image, at twice the cost.
        exposure: dark, glaring and flat faces are brought to where most begin, in training and in prediction.
        flip: share of faces that are mirrored.
        rotation: largest rotation in degrees, either way.
        scaling: largest change of size, as a share.
        shift: largest shift along each side, as a share of it.
        contrast: largest change of the contrast, as a share.
        brightness: largest change of the brightness, as a share of the whole range.
        soften: share of faces that are blurred, down to a quarter of their resolution; little is likelier than much.
        noise: largest deviation of a face's noise, as a share of the whole range; little is likelier than much.
        erase: share of faces that lose a rectangle.
        erase_area: smallest and largest share of the face that the rectangle takes.
        erase_grey: the rectangle is of a random grey; else of the mean colour, as published.
        precision: `fp32`, or `bf16` (autocast).
        channels_last: memory layout of maps; faster on nearly every machine.
        compile: the network goes through `torch.compile`; takes minutes before the first step.
    """

    recipe: str
    model: str = "posterv2"
    labels: str = "rafdb"
    epochs: int = 200
    batch_size: int = 144
    accumulate: int = 1
    seed: int = 0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 3.5e-5
    weight_decay: float = 0.0
    schedule: Literal["exponential", "one-cycle"] = "exponential"
    warmup: float = 0.3
    lr_decay: float = 0.98
    clip_norm: float = 0.0
    sam_rho: float = 0.05
    sam_statistics: bool = True
    freeze_landmarks: bool = True
    landmark_statistics: bool = True
    stream_loss: float = 0.0
    distillation: float = 0.5
    soft_labels: bool = False
    label_smoothing: float = 0.0
    ema: float = 0.0
    selection: Literal["holdout", "published"] = "holdout"
    holdout: float = 0.1
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    crop: Literal["whole", "face"] = "whole"
    grayscale: bool = False
    margin: float = 0.0
    mirror: bool = False
    exposure: bool = False
    flip: float = 0.5
    rotation: float = 0.0
    scaling: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    soften: float = 0.0
    noise: float = 0.0
    erase: float = 0.5
    erase_area: tuple[float, float] = (0.02, 0.1)
    erase_grey: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        network_config(self.model)
        if self.labels != DATA_LABELS:
            label_set(self.labels)
        for name in ("epochs", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("weight_decay", "clip_norm", "sam_rho", "stream_loss", "rotation", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be a number from 0, got {getattr(self, name)}")
        if self.seed >= 2**64:
            raise UsageError(f"seed must be below 2**64, got {self.seed}")
        if self.batch_size > 2**20:
            raise UsageError(f"batch_size must be at most {2**20:,}, got {self.batch_size}")
        for name in ("lr", "lr_decay"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be above 0, got {getattr(self, name)}")
        shares = (
            "warmup",
            "flip",
            "scaling",
            "shift",
            "contrast",
            "brightness",
            "soften",
            "noise",
            "erase",
            "label_smoothing",
        )
        for name in (*shares, "distillation"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a share from 0 to 1, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise UsageError(f"ema is a decay from 0 to below 1, got {self.ema}")
        if not 0 < self.holdout <= 0.5:
            raise UsageError(f"holdout is a share above 0 and up to 0.5, got {self.holdout}")
        if not 0 < self.erase_area[0] <= self.erase_area[1] < 1:
            raise UsageError(f"erase_area needs two shares, the smaller first, got {list(self.erase_area)}")
        if self.accumulate > self.batch_size:
            raise UsageError(f"accumulate parts a batch of {self.batch_size} faces, got {self.accumulate} parts")
        if self.sam_rho and self.clip_norm:
            raise UsageError("clip_norm goes with plain steps only; set sam_rho=0 or clip_norm=0")

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Self:
        """A config from plain values, each checked against its field.

        Raises:
            UsageError: an unknown setting, or a value of the wrong type or range.
        """
        kinds = {field.name: field.type for field in fields(cls)}
        for name in values:
            if name not in kinds:
                raise UsageError(f"there is no setting {name!r}; the settings are {', '.join(kinds)}")
        checked = {name: _checked(name, kinds[name], value) for name, value in values.items()}
        return cls(**checked)  # pyright: ignore[reportArgumentType]


def settings() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, from `TrainConfig` itself."""
    text = inspect.getdoc(TrainConfig) or ""
    meanings = dict(re.findall(r"^    (\w+): (.+)$", text, re.MULTILINE))
    return [
        (field.name, "" if field.default is MISSING else str(field.default), meanings[field.name])
        for field in fields(TrainConfig)
    ]


def recipes() -> list[str]:
    """The recipes in the package."""
    folder = resources.files("posterv2") / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_config(recipe: str, overrides: Iterable[str] = ()) -> TrainConfig:
    """A recipe with some of its settings changed.

    Args:
        overrides: `name=value` each; the value as in TOML, where a bare word is a string: `lr=1e-3`,
            `model=posterv2-nano`.

    Raises:
        UsageError: no such recipe or setting, or a value that cannot be.
    """
    if recipe not in recipes():
        raise UsageError(f"there is no recipe {recipe!r}; choose one of {', '.join(recipes())}")
    text = (resources.files("posterv2") / "recipes" / f"{recipe}.toml").read_text("utf-8")
    changes = dict(map(read_setting, overrides))
    if "recipe" in changes:
        raise UsageError(f"the recipe is {recipe!r} and cannot be a setting; name another one in its place")
    return TrainConfig.from_values({"recipe": recipe, **tomllib.loads(text), **changes})


def read_setting(text: str) -> tuple[str, object]:
    """Name and value of `name=value`; the value as in TOML, where a bare word is a string.

    Raises:
        UsageError: there is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"settings are given as name=value, got {text!r}")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def _checked(name: str, kind: object, value: object) -> object:
    """The value as its field's type, or a `UsageError` that says what the field takes."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UsageError(f"{name} must be one of {', '.join(get_args(kind))}, got {value!r}")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)) or len(value) != len(get_args(kind)):
            raise UsageError(f"{name} needs {len(get_args(kind))} values, as in {name}=[0.1, 0.2], got {value!r}")
        return tuple(_checked(name, part, item) for part, item in zip(get_args(kind), value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{name} must be of type {getattr(kind, '__name__', kind)}, got {value!r}")
    return value
