"""How right the streams of a training run are by themselves: python benchmarks/streams.py runs/nano ferplus.zip

For runs with `stream_loss`, whose state holds a head for each stream: the answers to FER2013Valid's faces and their
mirror images, by the network and the heads as the last step left them.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from posterv2.checkpoints.network import open_weights
from posterv2.data.dataset import open_split
from posterv2.training.supervision import Supervised

_BATCH = 256


@torch.inference_mode()
def answers(supervised: Supervised, faces: torch.Tensor) -> torch.Tensor:
    """Normalised faces (N, 3, S, S) -> probabilities (3, N, C) of the network, the landmark and the image stream."""
    parts = [torch.stack([logits.softmax(1) for logits in supervised(part)]) for part in faces.split(_BATCH)]
    return torch.cat(parts, dim=1)


def main(run: str, data: str) -> None:
    """Print the accuracy of each."""
    network, header = open_weights(Path(run) / "last.safetensors")
    supervised = Supervised(network, streams=True)
    state = load_file(Path(run) / "state.safetensors")
    supervised.load_state_dict({name: state[name] for name in supervised.state_dict()})
    supervised.eval()
    split, preprocessing = open_split(data, "ferplus", "valid"), header.preprocessing
    pixels = np.stack([preprocessing.pixels(split.image(index)) for index in range(len(split))])
    faces, targets = torch.from_numpy(preprocessing.normalise(pixels)), torch.from_numpy(np.asarray(split.targets))
    found = (answers(supervised, faces) + answers(supervised, faces.flip(-1))) / 2
    for name, shares in zip(("network", "landmark stream", "image stream"), found, strict=True):
        nll = -shares[torch.arange(len(targets)), targets].log().mean()
        print(f"{name:16}{(shares.argmax(1) == targets).float().mean():8.2%}, loss {nll:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
