"""Our own weight files: safetensors, with a `WeightsHeader` in their metadata."""

from pathlib import Path

import safetensors.torch
import torch

from posterv2.checkpoints.header import KEY, WeightsHeader, read_header
from posterv2.checkpoints.matching import matched
from posterv2.errors import WeightsError
from posterv2.files import write_whole
from posterv2.models.poster import PosterNetwork, build


def save(path: str | Path, network: PosterNetwork, header: WeightsHeader, half: bool = False) -> None:
    """Write a network and its header to `path`, whole or not at all.

    Args:
        half: store the numbers as float16, half the size; `load` gives float32 again.

    Raises:
        WeightsError: the header is of another network, or a number is too large for float16.
        OutputError: `path` cannot be written.
    """
    header.expect(network.config)
    tensors = {name: stored(name, tensor, half) for name, tensor in network.state_dict().items()}
    write_whole(Path(path), safetensors.torch.save(tensors, {KEY: header.to_json()}))


def stored(name: str, tensor: torch.Tensor, half: bool) -> torch.Tensor:
    """A tensor as a file holds it: on the CPU, contiguous, and floats as float16 where `half` is set.

    Raises:
        WeightsError: a finite number would become infinite in float16.
    """
    tensor = tensor.detach().cpu().contiguous()
    if not half or not tensor.is_floating_point():
        return tensor
    small = tensor.half()
    if (small.isinf() & tensor.isfinite()).any():
        raise WeightsError(f"{name} holds {tensor.abs().max():g}, too large for float16; write float32 instead")
    return small


def load(path: str | Path) -> tuple[PosterNetwork, WeightsHeader]:
    """The network of one of our files, on the CPU, in float32 and in eval mode, built from the file alone.

    Raises:
        WeightsError: the file is missing, broken, not ours, of a newer format, or its numbers do not fit its config.
    """
    header = read_header(path)
    try:
        tensors = safetensors.torch.load_file(path)
    except Exception as error:  # a broken file can fail anywhere in the reading
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    with torch.device("meta"):  # a config may ask for more than there is memory, so the shapes are compared first
        outline = build(header.config)
    state = matched(outline, tensors, str(path))
    with torch.random.fork_rng(devices=[]):  # start values are drawn in vain; the caller's draws stay as they were
        network = build(header.config)
    network.load_state_dict(state)
    return network.eval(), header
