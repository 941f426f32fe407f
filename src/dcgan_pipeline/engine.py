"""Where the work on shards runs: in this process, in a pool of processes, or on a Ray cluster.

A stage cuts its work into tasks that do not depend on one another and hands them to :func:`run_tasks`. The results
come back in the order of the tasks whatever the engine, so the engine never changes an output. A worker that dies
loses nothing: its task runs again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Literal, Protocol, TypeVar, cast

from pydantic import Field

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.schema import Settings, unless

Task = TypeVar("Task")
Result = TypeVar("Result")

_ATTEMPTS = 3  # of a task whose workers die
_CONNECT_SECONDS = 10
# A worker computes in one thread, as Ray's tasks do: there is one a core.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_AHEAD = 4  # tasks a worker that may be begun before the result that is waited for


class EngineSettings(Settings):
    """``params:engine``."""

    name: Literal["local", "processes", "ray"] = "local"
    workers: int | None = Field(default=None, ge=1)
    """Tasks under way at once: processes of the pool, or tasks on Ray; none means one a core (of the cluster)."""

    def inert(self) -> dict[str, str]:
        """This process is one."""
        return unless(self.name != "local", "engine.name is local: this process does all the work", "workers")


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    settings: EngineSettings,
    describe: Callable[[Task], str] = str,
) -> Iterator[Result]:
    """Apply a function to every task and yield the results in the order of the tasks.

    Parameters
    ----------
    function
        Picklable; it must give the same result when it is run again.
    tasks
        Picklable.
    settings
        Which engine, and how many workers.
    describe
        What a user would call a task, for messages.

    Raises
    ------
    InputError
        Where Ray is asked for and is not installed or not there, or a task's workers die again and again.
    """
    if settings.name == "local":
        return map(function, tasks)
    engine = _processes if settings.name == "processes" else _ray
    return engine(function, tasks, settings.workers, describe)


class _Workers(Protocol):
    """Places where tasks run at the same time."""

    def start(self, k: int) -> None:
        """Begin task k in a place that is free."""

    def finished(self) -> Iterable[tuple[int, Callable[[], Any]]]:
        """Wait for tasks to end; give the number of each, and a function that returns or raises what it did."""


def _in_order(workers: _Workers, places: int, count: int) -> Iterator[Any]:
    done: dict[int, Callable[[], Any]] = {}
    begun = busy = 0
    for k in range(count):
        while k not in done:
            while busy < places and begun < min(count, k + _AHEAD * places):  # results ahead of their turn take memory
                workers.start(begun)
                begun, busy = begun + 1, busy + 1
            for finished, outcome in workers.finished():
                done[finished] = outcome
                busy -= 1
        yield done.pop(k)()


def _gave_up(work: str, how: str) -> InputError:
    return InputError(
        f"a worker must live through its task, and {_ATTEMPTS} in a row died of {work} ({how}); if memory ran out "
        "(SIGKILL), lower images_per_task, images_per_shard or max_pixels; if a file crashes its decoder (SIGSEGV, "
        "SIGABRT), set them to 1 to see which file it is, and take it out"
    )


# ---- a pool of processes


def _processes(
    function: Callable[[Any], Any], tasks: Sequence[Any], workers: int | None, describe: Callable[[Any], str]
) -> Iterator[Any]:
    places = max(1, min(workers or os.cpu_count() or 1, len(tasks)))
    with starting():
        pool = _Pool(function, tasks, places, describe)
    try:
        yield from _in_order(pool, places, len(tasks))
    finally:
        pool.close()


@contextmanager
def starting() -> Iterator[None]:
    """Around what starts processes: where this is one of those, which runs the user's script to import it, end it."""
    try:
        yield
    except RuntimeError as error:
        if "bootstrapping phase" in str(error):
            os._exit(1)  # quietly: the process that started it says what is wrong
        raise


def unguarded(what: str, otherwise: str) -> str:
    """Say that a script must do nothing when a process that it starts imports it."""
    script = getattr(sys.modules["__main__"], "__file__", None) or "the program that runs"
    return (
        f"{what} needs a script that its workers can import, and {script} ended when they did, which "
        'runs it again; put all that it runs into a function main(), and call it under `if __name__ == "__main__":` '
        f"alone, or {otherwise}"
    )


class _Died(Exception):  # noqa: N818
    """The process of a worker ended during a task; the text says how."""


class _Process:
    """A process that runs one task after the other, and ends with its parent."""

    def __init__(self) -> None:
        # spawn: forking a process in which PyTorch's threads have started can hang.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        self._knows_function = False

    def send(self, function: Callable[[Any], Any], task: Any) -> None:
        with suppress(OSError):  # it has died: `receive` says so
            if not self._knows_function:  # once: it may hold a listing of millions of images
                self._wait_until_ready()
                self.connection.send(function)
                self._knows_function = True
            self.connection.send(task)

    def _wait_until_ready(self) -> None:
        try:
            self.connection.recv()
        except EOFError:
            self._process.join()
            if (self._process.exitcode or 0) > 0:  # not killed: it ended by itself before it could take a task
                raise InputError(unguarded("engine.name: processes", "set engine.name to local")) from None

    def receive(self) -> Future[Any]:
        outcome: Future[Any] = Future()
        try:
            result, error = self.connection.recv()
        except (EOFError, OSError):
            raise _Died(self._end()) from None
        except Exception as broken:  # a result or an error that does not unpickle
            result, error = None, broken
        if error is None:
            outcome.set_result(result)
        else:
            outcome.set_exception(error)
        return outcome

    def _end(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}, and what it said is above"

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


class _Pool:
    """Processes, each of which is replaced when it dies.

    The library's pools do not live through that: ``ProcessPoolExecutor`` ends as a whole and does not say which task
    it was, and ``multiprocessing.Pool`` waits for the lost result for ever.
    """

    def __init__(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], size: int, describe: Callable[[Any], str]
    ) -> None:
        self._function, self._tasks, self._describe = function, tasks, describe
        self._idle = [_Process() for _ in range(size)]  # they start up side by side
        self._busy: dict[Connection, tuple[_Process, int]] = {}

    def start(self, k: int) -> None:
        process = self._idle.pop()
        self._busy[process.connection] = process, k
        process.send(self._function, self._tasks[k])

    def finished(self) -> list[tuple[int, Callable[[], Any]]]:
        outcomes, suspects = self._some()
        if suspects:  # the memory that a task lacked may have been its neighbours': it runs again when they are done
            while self._busy:
                more, others = self._some()
                outcomes, suspects = outcomes + more, suspects + others
        return outcomes + [(k, self._alone(k)) for k in sorted(suspects)]

    def _alone(self, k: int) -> Callable[[], Any]:
        for _ in range(_ATTEMPTS - 1):
            self.start(k)
            outcomes, died = self._some()
            if not died:
                return outcomes[0][1]
        how = f"{self._last_end}, with nothing running beside it"
        return partial(_raise, _gave_up(self._describe(self._tasks[k]), how))

    def _some(self) -> tuple[list[tuple[int, Callable[[], Any]]], list[int]]:
        """Wait for at least one process; return outcomes, and tasks whose processes died."""
        outcomes: list[tuple[int, Callable[[], Any]]] = []
        died: list[int] = []
        for connection in wait(list(self._busy)):
            process, k = self._busy.pop(cast(Connection, connection))
            try:
                outcomes.append((k, process.receive().result))
            except _Died as death:
                self._last_end = str(death)
                died.append(k)
                process.close()
                process = _Process()
            self._idle.append(process)
        return outcomes, died

    def close(self) -> None:
        for process in [*self._idle, *(process for process, _ in self._busy.values())]:
            process.close()  # at once: what it was doing is done again by the next run


def _raise(error: Exception) -> Any:
    raise error


def _work(connection: Connection) -> None:
    """Run tasks until there is no parent any more; this is the worker's side."""
    end_with_parent()
    os.environ.update(_ONE_THREAD)  # before the function brings the libraries that read it
    connection.send("ready")
    with suppress(EOFError):
        function = connection.recv()
        while True:
            _reply(connection, function, connection.recv())


def end_with_parent() -> None:
    """Let a process that was started with ``multiprocessing`` end with its parent, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process, and the parent ends this one
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # even one that was killed closes its end
    os._exit(1)


def _reply(connection: Connection, function: Callable[[Any], Any], task: Any) -> None:
    try:
        connection.send((function(task), None))
    except Exception as error:
        error.add_note(f"in a worker:\n{traceback.format_exc()}")  # tracebacks do not travel
        try:
            connection.send((None, error))
        except Exception:  # it cannot be pickled
            connection.send((None, RuntimeError("".join(traceback.format_exception(error)))))


# ---- Ray


def _ray(
    function: Callable[[Any], Any], tasks: Sequence[Any], workers: int | None, describe: Callable[[Any], str]
) -> Iterator[Any]:
    ray = start_ray(workers)
    places = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    yield from _in_order(_RayTasks(ray, function, tasks, describe), places, len(tasks))


class _RayTasks:
    """Tasks on a cluster, where Ray itself runs those of dead workers and machines again."""

    def __init__(
        self, ray: Any, function: Callable[[Any], Any], tasks: Sequence[Any], describe: Callable[[Any], str]
    ) -> None:
        self._ray, self._tasks, self._describe = ray, tasks, describe
        self._function = ray.put(function)  # once: it may hold a listing of millions of images
        self._remote = ray.remote(max_retries=_ATTEMPTS - 1)(lambda function, task: function(task))
        self._busy: dict[Any, int] = {}

    def start(self, k: int) -> None:
        self._busy[self._remote.remote(self._function, self._tasks[k])] = k

    def finished(self) -> list[tuple[int, Callable[[], Any]]]:
        ready, _ = self._ray.wait(list(self._busy))
        return [(k, partial(self._get, result, k)) for result in ready for k in [self._busy.pop(result)]]

    def _get(self, result: Any, k: int) -> Any:
        try:
            return self._ray.get(result)
        except (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.OutOfMemoryError) as error:
            raise _gave_up(self._describe(self._tasks[k]), type(error).__name__) from None


def start_ray(workers: int | None) -> Any:
    """Connect to the cluster that ``RAY_ADDRESS`` names, or start Ray on this machine's loopback interface.

    Parameters
    ----------
    workers
        CPUs of the Ray that is started here; none: as many as there are cores.

    Raises
    ------
    InputError
        Where Ray is not installed or not there.
    """
    address = os.environ.get("RAY_ADDRESS")  # it names the cluster; without it Ray starts here, on loopback
    host, port = _host_and_port(address) if address else ("127.0.0.1", None)
    # Ray reads these when it is imported. Without the first it takes no loopback address (resolve_ip_for_localhost).
    # Without the second it tries a task that runs out of memory for ever, and without the third workers run at
    # niceness 15, and starve beside other work.
    if host in ("127.0.0.1", "localhost", "::1"):
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_task_oom_retries", str(_ATTEMPTS - 1))
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "engine.name: ray needs Ray, which is not installed; pip install ray, "
            "or set engine.name to local or processes"
        ) from None
    if ray.is_initialized():
        return ray
    import dcgan_pipeline

    here: dict[str, Any] = (
        {} if address else {"_node_ip_address": host, "num_cpus": workers, "include_dashboard": False}
    )
    try:
        if port:  # Ray would try for minutes
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
        ray.init(runtime_env={"py_modules": [dcgan_pipeline]}, log_to_driver=False, **here)
    except (OSError, RuntimeError, ValueError) as error:  # not there; of another version of Ray or Python
        raise InputError(
            f"RAY_ADDRESS must name a Ray cluster that runs, got {address} ({first_line(error)}); start it "
            "(ray start --head), correct RAY_ADDRESS or unset it; if it asks for a token, set RAY_AUTH_MODE=token"
        ) from None
    return ray


def _host_and_port(address: str) -> tuple[str, int | None]:
    """Take ``host:port`` or ``ray://host:port`` apart; other forms, such as ``auto``, name no port."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdecimal() else (address, None)
