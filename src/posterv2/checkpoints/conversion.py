"""From a published file to ours, checked on the way."""

from pathlib import Path

import torch

from posterv2.checkpoints import format
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.network import Labels, open_weights
from posterv2.errors import UsageError, WeightsError
from posterv2.files import whole


def convert(source: str | Path, target: str | Path, labels: Labels | None = None) -> WeightsHeader:
    """Write our file `target` from a published file, and read it back: both must give the same logits, bit for bit.

    Raises:
        UsageError: `target` does not end in `.safetensors`, or is `source`.
        LabelsError, UnsafeWeightsError, WeightsError: as from `open_weights`; or the two disagree.
        OutputError: `target` cannot be written.
    """
    source, target = Path(source), Path(target)
    if target.suffix != ".safetensors":
        raise UsageError(f"our weight files end in .safetensors, got {target}")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} would overwrite the file that it is made from; give another name")
    network, header = open_weights(source, labels)
    with whole(target) as draft:
        format.save(draft, network, header)
        again, read = format.load(draft)
        size = header.config.image_size
        faces = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            expected, got = network(faces), again(faces)
        entries = again.state_dict()
        same = all(torch.equal(tensor, entries[name]) for name, tensor in network.state_dict().items())
        # A network may give numbers that are none, and has to give them again.
        if read != header or not same or not torch.allclose(got, expected, rtol=0, atol=0, equal_nan=True):
            raise WeightsError(f"{target}: not written, read back it does not give the logits of {source}")
    return header
