"""Backbones trained elsewhere, as starting points for training: IR-50 on faces, MobileFaceNet on landmarks."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from posterv2.checkpoints import restricted
from posterv2.checkpoints.matching import matched
from posterv2.checkpoints.names import ARCFACE_STAGES, BACKBONE_DROPPED, IMAGE_STREAM, LANDMARK_STREAM, renamed
from posterv2.errors import WeightsError, cut
from posterv2.models.config import CONFIGS

if TYPE_CHECKING:
    from posterv2.models.poster import PosterNetwork

Stream = Literal["image_stream", "landmark_stream"]
_TABLES: dict[Stream, dict[str, str]] = {"image_stream": IMAGE_STREAM, "landmark_stream": LANDMARK_STREAM}
_EXPECTED: dict[Stream, str] = {
    "image_stream": "IR-50, as in ir50.pth",
    "landmark_stream": "MobileFaceNet, as in mobilefacenet_model_best.pth.tar",
}
# Where these differ from the published network's, no backbone file can fit.
_SIZES = ("width", "image_depths", "landmark_depths", "activation")


def load_backbone(network: "PosterNetwork", path: str | Path, stream: Stream) -> None:
    """Fill one stream of `network` from a backbone's file: bare or under `state_dict` or `model`.

    IR-50 may number its units by stage (`body1.0`) or throughout as ArcFace does (`body.0`); its fourth stage and
    both backbones' heads are dropped. The network must have the published size.

    Raises:
        UnsafeWeightsError: the file asks for code to be run.
        WeightsError: it is missing or broken, none of it fits the stream, or not all of it does.
    """
    from posterv2.checkpoints.published import state_in

    published, config = CONFIGS["posterv2"], network.config
    if any(getattr(config, name) != getattr(published, name) for name in _SIZES):
        raise WeightsError(f"{path}: backbone files have the size of the network 'posterv2', and this is another one")
    table = _TABLES[stream]
    tensors, _ = state_in(restricted.load(path), str(path), "state_dict", "model")
    by_stage = {_by_stage(name) if stream == "image_stream" else name: tensor for name, tensor in tensors.items()}
    if not any(renamed(name, table) for name in by_stage):
        names = ", ".join(map(cut, list(tensors)[:3])) or "none"
        raise WeightsError(
            f"{path}: nothing in it fits the {stream.replace('_', ' ')}, which takes {_EXPECTED[stream]}; "
            f"the first of its {len(tensors)} entries: {names}"
        )
    kept = {name: tensor for name, tensor in by_stage.items() if not name.startswith(BACKBONE_DROPPED)}
    # Files of torch before 0.4.1 do not count batches, and nothing reads the count.
    module = getattr(network, stream)
    module.load_state_dict(matched(module, kept, str(path), table, optional="num_batches_tracked"))


def _by_stage(name: str) -> str:
    """ArcFace's `body.8.res_layer.0.weight` is `body3.1.res_layer.0.weight`; any other name stays."""
    match = re.fullmatch(r"body\.(\d{1,2})\.(.*)", name)
    if match is None:
        return name
    unit = int(match[1])
    stage = next((stage for stage, units in ARCFACE_STAGES.items() if unit in units), None)
    return name if stage is None else f"{stage}.{unit - ARCFACE_STAGES[stage].start}.{match[2]}"
