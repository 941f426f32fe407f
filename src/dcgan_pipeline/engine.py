"""Where the work on shards runs: in this process, in a pool of processes, or on a Ray cluster.

A stage cuts its work into tasks that do not depend on one another and hands them to :func:`run_tasks`. The results
come back in the order of the tasks whatever the engine, so the engine never changes an output.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Literal, TypeVar

from pydantic import Field

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings

Task = TypeVar("Task")
Result = TypeVar("Result")


class EngineSettings(Settings):
    """``params:engine``."""

    name: Literal["local", "processes", "ray"] = "local"
    workers: int | None = Field(default=None, ge=1)
    """Processes of the pool, or tasks under way at once on Ray; none means one a core."""


def run_tasks(function: Callable[[Task], Result], tasks: Sequence[Task], settings: EngineSettings) -> Iterator[Result]:
    """Apply a function to every task and yield the results in the order of the tasks.

    Parameters
    ----------
    function
        Picklable; it must give the same result when it is run again.
    tasks
        Picklable.
    settings
        Which engine, and how many workers.

    Raises
    ------
    InputError
        Where Ray is asked for and not installed.
    """
    engines = {"local": _local, "processes": _processes, "ray": _ray}
    return engines[settings.name](function, tasks, settings.workers or os.cpu_count() or 1)


def _local(function: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[Any]:
    return map(function, tasks)


# A function with a listing of millions of images goes to each worker once, not with every task.
_worker_function: list[Callable[[Any], Any]] = []


def _start_worker(function: Callable[[Any], Any]) -> None:
    _worker_function[:] = [function]


def _run_in_worker(task: Any) -> Any:
    return _worker_function[0](task)


def _processes(function: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[Any]:
    # spawn: forking a process in which PyTorch's threads have started can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max(1, min(workers, len(tasks))), context, _start_worker, (function,))
    with pool:
        try:
            yield from pool.map(_run_in_worker, tasks)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ray(function: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[Any]:
    alone = not os.environ.get("RAY_ADDRESS")  # it names the cluster; without it Ray starts here
    if alone:  # on loopback: Ray reads this when it is imported, and takes no address for it (resolve_ip_for_localhost)
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "engine.name: ray needs the ray extra, which is not installed; pip install 'dcgan_pipeline[ray]', "
            "or set engine.name to local or processes"
        ) from None
    import dcgan_pipeline

    if not ray.is_initialized():
        here: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "num_cpus": workers} if alone else {}
        runtime = {"py_modules": [dcgan_pipeline]}
        ray.init(runtime_env=runtime, include_dashboard=False, log_to_driver=False, **here)
    shared = ray.put(function)
    remote: Any = ray.remote(max_retries=3)(lambda function, task: function(task))
    # A window of tasks under way: results wait for their turn without the cluster filling up.
    waiting: list[Any] = [remote.remote(shared, task) for task in tasks[: 2 * workers]]
    for k in range(len(tasks)):
        result = ray.get(waiting[k])
        waiting[k] = None
        if len(waiting) < len(tasks):
            waiting.append(remote.remote(shared, tasks[len(waiting)]))
        yield result
