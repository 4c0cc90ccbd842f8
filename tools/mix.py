"""The weighted mean of two networks' numbers, better than either where one went on from the other (arXiv 2109.01903).

    python tools/mix.py posterv2-nano runs/more/last.safetensors 0.7 runs/more/mixed.safetensors

takes 0.7 of the second and 0.3 of the first; batch-norm statistics too. The header is the second's, and says so.
"""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from posterv2.checkpoints.catalog import EMBEDDED, embedded
from posterv2.checkpoints.format import load, save


def main(first: str, second: str, share: str, out: str) -> None:
    """Write the mean of two weight files of one network; `first` may be an embedded model's name."""
    start = embedded(first, ".safetensors") if first in EMBEDDED else Path(first)
    (network, _), (other, header) = load(start), load(second)
    header.expect(network.config)
    numbers, others = network.state_dict(), other.state_dict()
    mean = {
        name: value.lerp(others[name], float(share)) if value.is_floating_point() else others[name]
        for name, value in numbers.items()
    }
    network.load_state_dict(mean)
    digest = hashlib.sha256(start.read_bytes()).hexdigest()[:16]
    mixed = {"with": f"{Path(first).stem} (SHA-256 {digest}...)", "share": float(share)}
    save(out, network, replace(header, metrics={}, training=header.training | {"mixed": mixed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
