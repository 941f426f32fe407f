"""Several processes that train together, a share of every minibatch each; here those of one machine.

All draw the same minibatches and the same z from the same streams, and each works on its share. Gradients are
averaged after every backward pass, of the network alone that is being updated: nothing is wrapped, so that D's
gradients cannot leak into G's step. With synchronised batch norm the result is that of one process, but for rounding.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing import ProcessExitedException

from dcgan_pipeline.engine import end_with_parent, starting, unguarded
from dcgan_pipeline.errors import InputError

MEND_DEATH = (
    "if memory ran out, lower train.processes or train.batch_size; train.resume=true goes on from the last checkpoint"
)


class Group:
    """Processes that train together; without a size, one that trains alone."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self._in_step = False

    def shard(self, whole: Any) -> Any:
        """Take this process's part of what a minibatch has: an array or a tensor, each image in turn."""
        return whole[self.rank :: self.size]

    @contextmanager
    def step(self) -> Iterator[None]:
        """Synchronise batch norm within: outside, the first process draws samples alone."""
        self._in_step = True
        try:
            yield
        finally:
            self._in_step = False

    @property
    def synchronises(self) -> bool:
        """Whether batch norm is of the minibatch of all."""
        return self._in_step and self.size > 1

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give all the mean of their gradients, in one message."""
        if self.size > 1:
            gradients = [p.grad for p in parameters if p.grad is not None]
            for gradient, mean in zip(gradients, self._mean(gradients), strict=True):
                gradient.copy_(mean)

    def mean(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the means of scalars over all."""
        if self.size == 1:
            return found
        return dict(zip(found, self._mean(list(found.values())), strict=True))

    def _mean(self, tensors: list[Tensor]) -> list[Tensor]:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        parts = (flat / self.size).split([tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def mean_with_gradient(self, value: Tensor) -> Tensor:
        """Return the mean over all, through which gradients flow."""
        return _Sum.apply(value) / self.size

    def broadcast(self, what: Any) -> Any:
        """Give all what the first process says."""
        if self.size == 1:
            return what
        said = [what]
        distributed.broadcast_object_list(said, src=0)
        return said[0]


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def synchronise_batch_norm(network: nn.Module, group: Group) -> None:
    """Let every batch norm of a network be over the minibatch of all processes, in a step.

    PyTorch's SyncBatchNorm does the same on GPUs alone.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.forward = partial(_normalise, module, group)  # type: ignore[method-assign]


def _normalise(norm: nn.BatchNorm1d | nn.BatchNorm2d, group: Group, x: Tensor) -> Tensor:
    if not group.synchronises:
        return type(norm).forward(norm, x)
    over = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    whole = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    centred = whole - group.mean_with_gradient(whole.mean(over)).view(shape)
    variance = group.mean_with_gradient(centred.square().mean(over))
    y = centred * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        y = y * norm.weight.view(shape) + norm.bias.view(shape)
    return y.to(x.dtype)


Work = Callable[[Group, torch.device], None]


@contextmanager
def spawn_group(size: int, device: torch.device, work: Work) -> Iterator[Group]:
    """Start the others, each with ``work``, a function that can be pickled, and be the first of the group.

    They meet through a file and talk on the loopback interface. They end with this process, however it ends.

    Raises
    ------
    InputError
        Where there are fewer GPUs than processes, or another process was killed.
    """
    if size == 1:
        yield Group()
        return
    if device.type == "cuda" and torch.cuda.device_count() < size:
        there = torch.cuda.device_count()
        raise InputError(f"train.processes must be at most the number of GPUs, {there}, got {size}; lower it")
    with TemporaryDirectory(prefix="dcgan") as name:
        folder = Path(name)
        with starting():
            others = torch.multiprocessing.start_processes(
                _other, (size, folder, device, work), nprocs=size - 1, join=False, start_method="spawn"
            )
        before = torch.get_num_threads()
        try:
            _await(others, folder, size - 1)
            yield init_group(0, size, device, loopback=True, init_method=_meeting(folder))
            distributed.barrier()
            others.join()
        except RuntimeError:  # perhaps since another process has ended
            try:
                others.join(timeout=10)
            except ProcessExitedException as death:
                how = death.signal_name or death
                raise InputError(
                    f"all processes of a training must live through it, and one did not ({how}); {MEND_DEATH}"
                ) from None
            raise
        finally:
            torch.set_num_threads(before)
            for process in others.processes:
                process.terminate()
            for process in others.processes:
                process.join()
            if distributed.is_initialized():
                distributed.destroy_process_group()


def _meeting(folder: Path) -> str:
    return (folder / "meeting").as_uri()


def _await(others: Any, folder: Path, count: int) -> None:
    """Wait until the others run: one that could not be started would be waited for at the meeting for ever."""
    try:
        while len(list(folder.glob("here-*"))) < count:
            others.join(timeout=0.05)
    except ProcessExitedException as death:
        if death.exit_code > 0:  # not killed: it ended by itself
            raise InputError(unguarded("train.processes", "set train.processes to 1")) from None
        raise


def _next_to(first: torch.device, rank: int, gpus: int) -> torch.device:
    """Give each process a GPU of its own, from the first's on; or the CPU, as the first."""
    return first if first.type == "cpu" else torch.device(first.type, ((first.index or 0) + rank) % gpus)


def init_group(rank: int, size: int, device: torch.device, loopback: bool, **meeting: Any) -> Group:
    """Become one of a group of processes.

    Parameters
    ----------
    loopback
        Whether all are of one machine, so that nobody else needs to connect.
    meeting
        ``init_method`` or ``store`` of :func:`torch.distributed.init_process_group`.
    """
    if loopback:
        for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(name, "lo0" if sys.platform == "darwin" else "lo")
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)  # NCCL tells objects, and waits, by way of the current one
    patience = timedelta(days=1)  # the others wait while the first measures quality; a dead one is noticed at once
    distributed.init_process_group(backend, timeout=patience, rank=rank, world_size=size, **meeting)
    return Group(rank, size)


def _other(index: int, size: int, folder: Path, first: torch.device, work: Work) -> None:
    end_with_parent()
    (folder / f"here-{index}").touch()
    device = _next_to(first, index + 1, torch.cuda.device_count())
    work(init_group(index + 1, size, device, loopback=True, init_method=_meeting(folder)), device)
    distributed.barrier()
    os._exit(0)  # at once: it has nothing to keep, and threads of the backend may abort a slower end
