"""Where a network runs."""

import torch

from posterv2.errors import UsageError, first_line


def choose_device(name: str) -> torch.device:
    """`cpu`, `cuda`, `cuda:1` or `mps`; for `auto` the first there is of cuda, mps and cpu.

    Raises:
        UsageError: there is no such device here; the message holds those that there are.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [kind for kind, is_there in there.items() if is_there]
    if name == "auto":
        return torch.device(usable[0])
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"torch cannot use the device {name!r} here ({first_line(error)}); it can use: {', '.join(usable)}"
        ) from error
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself, and does not only store it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device.type == "mps"
