"""Sharpness-aware minimisation (Foret et al. 2021, arXiv 2010.01412), as published for POSTER V2: not adaptive."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def perturbed(parameters: Iterable[torch.nn.Parameter], rho: float) -> Iterator[None]:
    """Within it, the parameters stand `rho` further up their gradient; after it they are what they were, bit for bit.

    The gradient's norm is taken over all parameters together, in their own precision. The gradients are left as they
    are; what is computed within adds to them unless they are cleared.
    """
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        norm = torch.stack([parameter.grad.norm() for parameter in moved if parameter.grad is not None]).norm()
        scale = rho / (norm + 1e-12)
        for parameter in moved:
            assert parameter.grad is not None
            parameter.add_(parameter.grad * scale.to(parameter))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, old in zip(moved, before, strict=True):
                parameter.copy_(old)


def step(optimizer: torch.optim.Optimizer, closure: Callable[[bool], None], rho: float, clip_norm: float = 0.0) -> None:
    """One step of any optimiser at the gradient that `closure` leaves, taken at the perturbed weights where `rho` > 0.

    Args:
        closure: runs forward and backward on one batch; called with False, and with SAM once more, with True, while
            the weights are perturbed.
        rho: radius of the perturbation; 0 takes a plain step.
        clip_norm: the gradient of a plain step is scaled down to this norm; 0 leaves it.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad()
    closure(False)
    if rho > 0:
        with perturbed(parameters, rho):
            optimizer.zero_grad()
            closure(True)
    if clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()
