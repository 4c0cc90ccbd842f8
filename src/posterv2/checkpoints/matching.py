"""Named tensors as the state of a network: every entry by name and shape, or an error that names what is wrong."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from posterv2.checkpoints.names import renamed
from posterv2.errors import WeightsError, cut

if TYPE_CHECKING:
    import torch

_SHOWN = 8


def matched(
    module: "torch.nn.Module",
    tensors: Mapping[str, "torch.Tensor"],
    source: str,
    table: Mapping[str, str] | None = None,
    optional: str | None = None,
    dropped: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, "torch.Tensor"]:
    """`tensors` as the state dictionary of `module`, under its names; their floating-point types may be any.

    Args:
        module: what they are for; one on "meta" will do.
        tensors: an entry for each of the module's, and no other.
        source: names the file in errors.
        table: {theirs: ours} where `tensors` has other names than `module`, as in `names`.
        optional: last word of entries that may be missing; the module's own stay then.
        dropped: names and shapes of entries that `tensors` may have beyond the module's.

    Raises:
        WeightsError: an entry is missing, unexpected, of another shape, or holds whole numbers where the module's does
            not or the other way about.
    """
    wanted = module.state_dict()
    inverse = {ours: theirs for theirs, ours in (table or {}).items()}
    ours = {(renamed(name, inverse) or name if table else name): name for name in wanted}
    shapes = dict(dropped or {}) | {theirs: tuple(wanted[name].shape) for theirs, name in ours.items()}
    kept = {name: tensor for name, tensor in tensors.items() if name in ours}
    complaints = [
        *(f"missing {name}" for name in ours if name not in tensors and name.rpartition(".")[2] != optional),
        *(f"unexpected {cut(name)}" for name in tensors if name not in shapes),
        *(
            f"{name} is {_words(tuple(tensor.shape))}, needed is {_words(shapes[name])}"
            for name, tensor in tensors.items()
            if name in shapes and tensor.shape != shapes[name]
        ),
        *(
            f"{name} holds {tensor.dtype}, needed is {wanted[ours[name]].dtype}"
            for name, tensor in kept.items()
            if tensor.is_floating_point() != wanted[ours[name]].is_floating_point()
        ),
    ]
    if complaints:
        more = f"; and {len(complaints) - _SHOWN} more" if len(complaints) > _SHOWN else ""
        raise WeightsError(f"{source} does not fit the network: {'; '.join(complaints[:_SHOWN])}{more}")
    return wanted | {ours[name]: tensor for name, tensor in kept.items()}


def _words(shape: tuple[int, ...]) -> str:
    return cut(" x ".join(map(str, shape))) or "one number"
