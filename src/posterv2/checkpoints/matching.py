"""Filling a network from named tensors: every entry by name and shape, or an error that names what is wrong."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from posterv2.checkpoints.names import renamed
from posterv2.errors import WeightsError

if TYPE_CHECKING:
    import torch

_SHOWN = 8


def fill(
    module: "torch.nn.Module",
    tensors: Mapping[str, "torch.Tensor"],
    source: str,
    table: Mapping[str, str] | None = None,
    optional: str | None = None,
) -> None:
    """Copy `tensors` into `module`; any floating-point type becomes the module's own.

    Args:
        module: what is to be filled.
        tensors: an entry for each of the module's, and no other.
        source: names the file in errors.
        table: {theirs: ours} where `tensors` has other names than `module`, as in `names`.
        optional: last word of entries that may be missing; the module's own stay then.

    Raises:
        WeightsError: an entry is missing, unexpected, or of another shape; `module` is left as it was.
    """
    wanted = module.state_dict()
    inverse = {ours: theirs for theirs, ours in (table or {}).items()}
    ours = {(renamed(name, inverse) or name if table else name): name for name in wanted}
    complaints = [
        *(f"missing {name}" for name in ours if name not in tensors and name.rpartition(".")[2] != optional),
        *(f"unexpected {name}" for name in tensors if name not in ours),
        *(
            f"{name} is {_shape(tensor)}, needed is {_shape(wanted[ours[name]])}"
            for name, tensor in tensors.items()
            if name in ours and tensor.shape != wanted[ours[name]].shape
        ),
    ]
    if complaints:
        more = f"; and {len(complaints) - _SHOWN} more" if len(complaints) > _SHOWN else ""
        raise WeightsError(f"{source} does not fit the network: {'; '.join(complaints[:_SHOWN])}{more}")
    module.load_state_dict(wanted | {ours[name]: tensor for name, tensor in tensors.items()})


def _shape(tensor: "torch.Tensor") -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
