"""What a run watches for while it trains; each alarm is a sentence that says what to do."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from posterv2.labels import LabelSet

ONE_ANSWER = 0.9
"""Above this share of predictions for one class the network has stopped looking."""


def idle_parameters(network: nn.Module) -> Iterator[str]:
    """After a step: which parts should learn and got no gradient."""
    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not bool(parameter.grad.count_nonzero()))
    ]
    if idle:
        more = f" and {len(idle) - 3} more" if len(idle) > 3 else ""
        yield f"no gradient reaches {', '.join(idle[:3])}{more}; what is there cannot learn"


def slow_precision(precision: str, device: torch.device) -> Iterator[str]:
    """Whether bf16 is asked of an x86 processor without AMX tiles, where torch's kernels for it lose to float32."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if precision == "bf16" and device.type == "cpu" and capabilities.get("amx_bf16") is False:
        yield (
            "this processor has no AMX tiles, and without them bf16 is slower than float32 (docs/performance.md); "
            "take precision=fp32"
        )


def one_answer(confusion: np.ndarray, labels: LabelSet) -> Iterator[str]:
    """Whether nearly all faces get one answer, from counts (C, C), columns predicted."""
    shares = confusion.sum(axis=0) / max(confusion.sum(), 1)
    true = confusion.sum(axis=1) / max(confusion.sum(), 1)
    top = int(shares.argmax())
    if shares[top] > ONE_ANSWER and true[top] <= ONE_ANSWER:
        yield (
            f"{shares[top]:.0%} of all faces are called {labels.names[top]}, which {true[top]:.0%} are; in the first "
            "epochs that may pass, later try a smaller lr or sampler=balanced"
        )
