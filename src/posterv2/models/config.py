"""The numbers that define a network of the POSTER V2 family; no torch needed to read them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, Self, get_args

from posterv2.errors import UsageError, shown

Activation = Literal["prelu", "relu"]

# The least and the most, of each value where there are three. A config may come from anyone's file: what lies within
# is laid out in a second, whether or not there are numbers for it.
_BOUNDS: dict[str, tuple[float, float]] = {
    "classes": (1, 10_000),
    "image_size": (1, 1024),
    "pixel_stride": (1, 1024),
    "width": (1, 2048),
    "image_depths": (1, 100),
    "image_stem_stride": (1, 2),
    "landmark_depths": (0, 100),
    "head_dim": (1, 2048),
    "layer_scale": (0.0, 100.0),
    "drop_path": (0.0, 0.999),
    "embed_dim": (1, 8192),
    "encoder_depth": (0, 100),
    "encoder_heads": (1, 8192),
    "mlp_ratio": (1, 100),
    "init_std": (1e-6, 100.0),
}
_WIDEST = 256  # The attention of the first level looks from each of (side / 4)**2 places to each.
_BIASES = 2**28  # numbers of its position bias, one a head for each such pair: a graph of them fits into 2 GB


@dataclass(frozen=True)
class PosterConfig:
    """One network of the family; the defaults are the published network (arXiv 2301.12149, section 3).

    Attributes:
        classes: number of logits.
        image_size: side S of the square input in pixels.
        pixel_stride: both backbones see every n-th row and column of the input.
        width: channels of the first level; the three levels have 1, 2 and 4 times as many.
        image_depths: units in the three stages of the image stream (IR-50).
        image_stem_stride: stride of the image stream's first convolution; 2 leaves the first stage without one.
        landmark_depths: residual units in the three stages of the landmark stream (MobileFaceNet).
        activation: non-linearity of both streams.
        head_dim: channels of one cross-attention head.
        layer_scale: start value of the cross-attention levels' residual scales.
        drop_path: share of faces whose residual branch is dropped in training, a level.
        embed_dim: channels of a token in the encoder.
        encoder_depth: blocks of the encoder.
        encoder_heads: attention heads of a block of the encoder.
        mlp_ratio: hidden channels of every MLP as a multiple of its input.
        init_std: spread of the start values of the linear layers in encoder, gate and classifier.
    """

    classes: int = 7
    image_size: int = 224
    pixel_stride: int = 2
    width: int = 64
    image_depths: tuple[int, int, int] = (3, 4, 14)
    image_stem_stride: int = 1
    landmark_depths: tuple[int, int, int] = (4, 6, 2)
    activation: Activation = "prelu"
    head_dim: int = 32
    layer_scale: float = 1e-5
    drop_path: tuple[float, float, float] = (0.0, 0.125, 0.25)
    embed_dim: int = 768
    encoder_depth: int = 2
    encoder_heads: int = 8
    mlp_ratio: int = 4
    init_std: float = 0.01

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(getattr(PosterConfig, name), tuple):
                if not isinstance(value, tuple) or len(value) != 3:
                    raise UsageError(f"{name} holds one value for each of the three levels")
            else:
                value = (value,)
            whole = isinstance(least, int)
            for each in value:
                if type(each) not in ((int,) if whole else (int, float)) or not least <= each <= most:
                    kind = "whole number" if whole else "number"
                    raise UsageError(f"{name} must be a {kind} from {least} to {most}, got {shown(each)}")
        if self.image_size % self.pixel_stride:
            raise UsageError(f"pixel_stride must divide image_size {self.image_size}, got {self.pixel_stride}")
        if self.image_size // self.pixel_stride > _WIDEST:
            raise UsageError(
                f"the backbones see at most {_WIDEST} x {_WIDEST} pixels, got {self.image_size} / {self.pixel_stride}; "
                "choose a larger pixel_stride"
            )
        if self.width % self.head_dim:
            raise UsageError(f"head_dim must divide width {self.width}, got {self.head_dim}")
        heads = [width // self.head_dim for width in self.widths]
        biases = sum(each * side**4 for each, side in zip(heads, self.windows, strict=True))
        if biases > _BIASES:
            raise UsageError(
                f"the cross-attention has at most {_BIASES:,} position biases, got {biases:,} by head_dim "
                f"{self.head_dim} for {self.image_size // self.pixel_stride} pixels a side; "
                "choose a larger head_dim or pixel_stride"
            )
        if self.embed_dim % self.encoder_heads:
            raise UsageError(f"encoder_heads must divide embed_dim {self.embed_dim}, got {self.encoder_heads}")
        if self.activation not in get_args(Activation):
            raise UsageError(f"activation must be one of {get_args(Activation)}, got {shown(self.activation)}")

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels of the three levels."""
        return self.width, 2 * self.width, 4 * self.width

    @property
    def windows(self) -> tuple[int, int, int]:
        """Sides of the three levels' maps; each is attended to whole (section 3.2 with one window)."""
        sides, side = [], self.image_size // self.pixel_stride
        for _ in range(4):
            side = -(-side // 2)
            sides.append(side)
        return sides[1], sides[2], sides[3]

    def to_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """The config that `to_dict` gave.

        Raises:
            UsageError: an unknown field, or a value that cannot be.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UsageError(f"unknown network settings {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**plain)  # pyright: ignore[reportArgumentType]


CONFIGS: dict[str, PosterConfig] = {
    "posterv2": PosterConfig(),
    "posterv2-nano": PosterConfig(
        classes=8,
        image_size=48,
        pixel_stride=1,
        width=32,
        image_depths=(2, 3, 3),
        landmark_depths=(0, 0, 0),
        activation="relu",
        layer_scale=0.1,
        drop_path=(0.0, 0.0, 0.0),
        embed_dim=128,
        encoder_heads=4,
        mlp_ratio=2,
        init_std=0.07,
    ),
}


def network_config(name: str, classes: int | None = None) -> PosterConfig:
    """The named config, with its number of logits set where `classes` is given.

    Raises:
        UsageError: there is no config of that name.
    """
    if name not in CONFIGS:
        raise UsageError(f"there is no network {name!r}; choose one of {', '.join(CONFIGS)}")
    return CONFIGS[name] if classes is None else replace(CONFIGS[name], classes=classes)
