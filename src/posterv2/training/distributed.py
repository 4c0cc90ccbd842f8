"""Many processes of one run, as `torchrun` starts them; in a run of one process all of this does nothing."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from posterv2.errors import UsageError
from posterv2.models.device import choose_device

_PATIENCE = timedelta(hours=6)
"""One process a machine decodes all faces while the others wait; torch would give up after 10 minutes on GPUs."""


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        rank: which of them this is; the first, 0, is the one that writes files and speaks.
        size: how many there are.
        local_rank: which of those on this machine it is.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.size > 1:
            dist.barrier()

    def total(self, *numbers: float) -> list[float]:
        """Each number summed over all processes, in float64."""
        if self.size == 1:
            return list(numbers)
        device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else None
        values = torch.tensor(numbers, dtype=torch.float64, device=device)
        dist.all_reduce(values)
        return values.tolist()

    def any(self, *flags: bool) -> list[bool]:
        """Whether each flag is set in any process."""
        return [count > 0 for count in self.total(*map(float, flags))]

    def share(self, buffers: Iterable[torch.Tensor]) -> None:
        """Give every process the first one's batch-norm statistics, so that all measure one network."""
        for buffer in buffers if self.size > 1 else ():
            dist.broadcast(buffer, 0)

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with its gradients averaged over all processes; on GPUs with synchronised batch norm."""
        if self.size == 1:
            return network
        if device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return DistributedDataParallel(network, device_ids=[device])
        # Buffers stay each process' own: broadcasting them inside SAM's second pass would mix two states.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # its new name is not known to older torch
            return DistributedDataParallel(network, broadcast_buffers=False)


@contextmanager
def world_of(device: str) -> Iterator[tuple[World, torch.device]]:
    """The processes that `torchrun` has started, joined: this one's place among them, and its device.

    Raises:
        UsageError: the device is not there, there are more processes than GPUs, or torchrun could not restart them.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if shared and os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0":
        # https://github.com/pytorch/pytorch/issues/135712: they would hang, or fail to connect to dead ones.
        raise UsageError(
            "torchrun would hand processes that it starts again the addresses of dead ones; set "
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for it, and give it --standalone or --rdzv-backend c10d"
        )
    if size == 1:
        yield World(), choose_device(device)
        return
    target, local = choose_device(device), int(os.environ["LOCAL_RANK"])
    if target.type == "cuda":
        if local >= torch.cuda.device_count():
            raise UsageError(
                f"{local + 1} processes or more share this machine's {torch.cuda.device_count()} GPU(s); "
                "start torchrun with --nproc-per-node of at most that"
            )
        target = torch.device("cuda", local)
        torch.cuda.set_device(target)
    dist.init_process_group("nccl" if target.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield World(dist.get_rank(), size, local), target
    finally:
        dist.destroy_process_group()
