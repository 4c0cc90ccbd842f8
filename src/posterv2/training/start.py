"""How the processes of a run begin, and what they do where it has begun before."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from posterv2.errors import StoppedError, UsageError
from posterv2.files import drafts
from posterv2.training.distributed import World, world_of
from posterv2.training.mirror import Mirror
from posterv2.training.plan import CARD, Plan
from posterv2.training.stop import stopped_at_once


@contextmanager
def joined(plan: Plan, out: Path) -> Iterator[tuple[World, torch.device]]:
    """The run's processes; one that is stopped where it can save nothing says how to go on.

    Raises:
        StoppedError: Ctrl-C or SIGTERM, and the run has its card.
        UsageError: as from `world_of`.
    """
    with world_of(plan.device) as place, stopped_at_once():
        try:
            yield place
        except KeyboardInterrupt:
            if (out / CARD).exists():
                raise StoppedError(f"stopped; {how_to_go_on(plan, out)}") from None
            raise


def how_to_go_on(plan: Plan, out: Path) -> str:
    """The command that goes on with a run, for a message."""
    return f"go on with: posterv2 train {plan.config.recipe} --resume {shlex.quote(str(out))}"


def started_again(plan: Plan, out: Path) -> bool:
    """Whether `out` holds this very run, or the mirror did, and a scheduler has started its processes again.

    torchrun's count of restarts does not tell: it begins anew with an agent that was lost and replaced.

    Raises:
        UsageError: `out` holds anything else, or the mirror cannot be opened.
        TrainingError, OutputError: as from `Mirror.fetch`.
    """
    if _is_free(out):
        Mirror(out, plan.mirror).fetch()
    if _is_free(out):
        return False
    if ("TORCHELASTIC_RUN_ID" in os.environ or plan.mirror) and (out / CARD).exists():
        if Plan.from_card(out / CARD).to_dict() == plan.to_dict():
            return True
        raise UsageError(f"{out} holds a run with another plan; choose another folder")
    raise UsageError(f"{out} is there already; choose another folder, or go on with --resume {out}")


def _is_free(out: Path) -> bool:
    return not out.exists() or (out.is_dir() and set(out.iterdir()) <= set(drafts(out)))
