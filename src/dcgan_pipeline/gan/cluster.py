"""A training whose processes are on the machines of a Ray cluster, through Ray Train.

The first process reports over a queue to the one that asked for the training, so that MLflow, the log and the bar
are where they are without Ray.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from logging.handlers import QueueHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from dcgan_pipeline.engine import EngineSettings, start_ray
from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.gan.checkpoints import step_of
from dcgan_pipeline.gan.parallel import MEND_DEATH, init_group
from dcgan_pipeline.gan.plan import Plan
from dcgan_pipeline.gan.run import Callbacks, Finished, run_main, run_worker
from dcgan_pipeline.progress import Advance

logger = logging.getLogger(__name__)

_ATTEMPTS = 4  # of a training whose processes die
_POLL_SECONDS = 0.5
_LOOPBACK = "127.0.0.1"  # what start_ray starts on


def run_on_ray(plan: Plan, device: torch.device, callbacks: Callbacks, engine: EngineSettings) -> Finished:
    """Train with a process a worker of Ray Train; where one dies, all go on from the last checkpoint.

    Raises
    ------
    InputError
        What the training itself raises; where the cluster has too few CPUs or GPUs, or processes die again and again.
    """
    ray = start_ray(engine.workers)
    kind = "GPU" if device.type == "cuda" else "CPU"
    if (there := int(ray.cluster_resources().get(kind, 0))) < plan.settings.processes:
        raise InputError(
            f"train.processes must be at most the number of {kind}s of the Ray cluster, {there}, got "
            f"{plan.settings.processes}; lower it, or raise engine.workers where no cluster runs"
        )
    plan.checkpoints.mkdir(parents=True, exist_ok=True)
    for attempt in range(_ATTEMPTS):
        desk = _Desk(callbacks)
        try:
            return _once(ray, plan, kind == "GPU", desk)
        except _Died as death:
            if attempt + 1 == _ATTEMPTS:
                raise InputError(
                    f"all processes of a training must live through it, and {_ATTEMPTS} times one did not ({death}); "
                    f"{MEND_DEATH}"
                ) from death
            where = f"the checkpoint of step {step_of(desk.checkpoint)}" if desk.checkpoint else "where it began"
            logger.warning("a process of the training died (%s); going on from %s", death, where)
            if desk.checkpoint is not None:
                plan = replace(plan, settings=plan.settings.model_copy(update={"resume": str(desk.checkpoint.parent)}))
    raise AssertionError("unreachable")


class _Died(Exception):  # noqa: N818
    """A process of the training ended before its time; the text says how."""


def _once(ray: Any, plan: Plan, use_gpu: bool, desk: _Desk) -> Finished:
    from ray.train import RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.backend import Backend
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.util.queue import Queue

    class Meeting(TorchConfig):  # by ourselves (_meet): Ray Train would listen on every interface of the machine
        backend_cls = Backend

    messages = Queue(actor_options={"num_cpus": 0})
    with TemporaryDirectory(prefix=".ray-", dir=plan.checkpoints) as folder:  # Ray Train wants one that all see
        trainer = TorchTrainer(
            cast(Callable[[], None], partial(_work, plan, messages)),
            torch_config=Meeting(),
            scaling_config=ScalingConfig(num_workers=plan.settings.processes, use_gpu=use_gpu),
            run_config=RunConfig(storage_path=str(Path(folder).resolve()), name="train"),
        )
        try:
            return cast(Finished, desk.listen(messages, _in_background(trainer.fit)).return_value)
        except WorkerGroupError as error:
            raise _cause(error.worker_failures) from None
        except BaseException:
            ray.shutdown()  # what runs in a thread has no other end
            raise


def _in_background(function: Callable[[], Any]) -> Future[Any]:
    """Call in a thread: in the first one, Ray Train would take Ctrl-C for itself."""
    outcome: Future[Any] = Future()

    def call() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return outcome


def _cause(failures: dict[int, Exception]) -> Exception:
    """Find what a user can mend; anything else may be that another process has gone, and is tried again."""
    found = [getattr(failure, "_base_exc", failure) for _, failure in sorted(failures.items())]
    mine = next((error for error in found if isinstance(error, InputError)), None)
    return mine or _Died(first_line(found[0]))


class _Desk:
    """Takes the messages of the first process, and passes them on."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self.checkpoint: Path | None = None
        """The last one that was written."""

    def listen(self, messages: Any, outcome: Future[Any]) -> Any:
        """Pass messages on until the outcome is there, and return it."""
        with ExitStack() as self._open:
            while True:
                ended = outcome.done()
                try:
                    name, *what = messages.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    if ended:
                        return outcome.result()
                else:
                    getattr(self, f"_{name}")(*what)

    def _log(self, numbers: dict[str, float], step: int) -> None:
        self._callbacks.log(numbers, step)

    def _show(self, images: NDArray[np.uint8], step: int) -> None:
        if self._callbacks.show:
            self._callbacks.show(images, step)

    def _saved(self, file: Path) -> None:
        self.checkpoint = file

    def _bar(self, description: str, total: int) -> None:
        self._advance = self._open.enter_context(self._callbacks.bar(description, total))

    def _moved(self, amount: int, note: str | None) -> None:
        self._advance(amount, note)

    def _said(self, record: logging.LogRecord) -> None:
        said_by = logging.getLogger(record.name)
        if said_by.isEnabledFor(record.levelno):
            said_by.handle(record)


# ---- what the processes do


def _work(plan: Plan, messages: Any) -> Finished | None:
    from ray.train import get_context
    from ray.train.torch import get_device

    rank, size, device = get_context().get_world_rank(), get_context().get_world_size(), get_device()
    address, store = _meet(rank, size)
    group = init_group(rank, size, device, loopback=address == _LOOPBACK, store=store)
    try:
        if rank == 0:
            return run_main(plan, _callbacks(messages), group, device)
        run_worker(plan, group, device)
        return None
    finally:
        distributed.destroy_process_group()


def _meet(rank: int, size: int) -> tuple[str, distributed.Store]:
    """Let the first process listen on the address that Ray knows its machine by, alone, and tell the others."""
    from ray.train.collective import broadcast_from_rank_zero
    from ray.util import get_node_ip_address

    listening = None
    if rank == 0:
        address = get_node_ip_address()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((address, 0), family=family)
    where = broadcast_from_rank_zero(listening.getsockname()[:2] if listening else None)
    store: Any = partial(cast(Any, distributed.TCPStore), *where, size)
    if listening is None:
        return where[0], store(is_master=False)
    return where[0], store(is_master=True, wait_for_workers=False, master_listen_fd=listening.detach())


def _callbacks(messages: Any) -> Callbacks:
    """Send all that there is to report, and what is logged, over the queue."""

    def sender(name: str) -> Callable[..., None]:
        return lambda *what: messages.put((name, *what))

    package = logging.getLogger("dcgan_pipeline")
    package.setLevel(logging.INFO)
    package.addHandler(_Sender(messages))
    return Callbacks(sender("log"), sender("show"), sender("saved"), partial(_bar, messages))


class _Sender(QueueHandler):
    """Sends log records over a queue of Ray."""

    def enqueue(self, record: logging.LogRecord) -> None:
        self.queue.put_nowait(("said", record))


@contextmanager
def _bar(messages: Any, description: str, total: int) -> Iterator[Advance]:
    messages.put(("bar", description, total))
    waiting, sent = 0, time.monotonic()

    def advance(amount: int = 1, note: str | None = None) -> None:
        nonlocal waiting, sent
        waiting += amount
        if note is not None or time.monotonic() - sent > _POLL_SECONDS:  # a message a step would take its time
            messages.put(("moved", waiting, note))
            waiting, sent = 0, time.monotonic()

    yield advance
    messages.put(("moved", waiting, None))
