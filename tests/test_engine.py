import functools
import ipaddress
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError

ENGINES = ["local", "processes", "ray"]


@pytest.fixture(params=ENGINES)
def settings(request):
    if request.param == "ray":
        request.getfixturevalue("ray_here")
    return EngineSettings(name=request.param, workers=2)


three_to_the = functools.partial(pow, 3)  # a builtin: every process can import it


@given(tasks=st.lists(st.integers(0, 50)))
def test_this_process_gives_the_results_in_the_order_of_the_tasks(tasks):
    assert list(run_tasks(three_to_the, tasks, EngineSettings())) == [3**task for task in tasks]


def test_every_engine_gives_the_results_in_the_order_of_the_tasks(settings):
    tasks = [9, 1, 30, 2, 2, 0, 17, 5, 40, 3, 8]
    assert list(run_tasks(three_to_the, tasks, settings)) == [3**task for task in tasks]


def test_every_engine_does_nothing_where_there_is_nothing_to_do(settings):
    assert list(run_tasks(three_to_the, [], settings)) == []


def test_an_error_in_a_task_comes_out_after_the_results_before_it(settings):
    results = run_tasks(functools.partial(divmod, 12), [4, 3, 0, 2], settings)
    assert [next(results), next(results)] == [(3, 0), (4, 0)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_input_error_in_a_task_is_still_one(settings):
    results = run_tasks(functools.partial(EngineSettings.parse, name="engine"), [{"name": "threads"}], settings)
    with pytest.raises(InputError, match=r"engine\.name: input should be 'local', 'processes' or 'ray', got 'threads'"):
        next(results)


def test_a_pool_works_in_other_processes():
    settings = EngineSettings(name="processes", workers=2)
    found = set(run_tasks(eval, ["__import__('os').getpid()"] * 4, settings))
    assert os.getpid() not in found
    assert 1 <= len(found) <= 2


def test_a_pool_is_gone_when_its_reader_stops_early():
    results = run_tasks(three_to_the, range(100), EngineSettings(name="processes", workers=2))
    assert next(results) == 1
    results.close()
    assert not multiprocessing.active_children()


def dies(path, times, how="__import__('os').kill(__import__('os').getpid(), 9)"):
    """A task, as text for eval, that kills its worker so many times and then gives 7; it leaves a line a time."""
    counted = f"(open({str(path)!r}, 'a').write('x'), len(open({str(path)!r}).read()))[1]"
    return f"{how} if {counted} <= {times} else 7"


def times_run(path):
    return len(path.read_text())


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["processes", "ray"])
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(tmp_path, request, name, times):
    if name == "ray":
        request.getfixturevalue("ray_here")
    tasks = [str(k) for k in range(20)]
    tasks[6] = dies(tmp_path / "six", times)
    tasks[7] = dies(tmp_path / "seven", 1)
    expected = [7 if k == 6 else k for k in range(20)]
    assert list(run_tasks(eval, tasks, EngineSettings(name=name, workers=3))) == expected
    assert times_run(tmp_path / "six") == times + 1
    assert times_run(tmp_path / "seven") == 2


@pytest.mark.parametrize(
    ("how", "said"),
    [("__import__('os').kill(__import__('os').getpid(), 11)", "SIGSEGV"), ("__import__('os')._exit(3)", "exit code 3")],
)
def test_a_task_that_kills_every_worker_is_named_after_the_results_before_it(tmp_path, how, said):
    tasks = ["0", "1", dies(tmp_path / "runs", 99, how), *["4"] * 10]
    results = run_tasks(eval, tasks, EngineSettings(name="processes", workers=2), lambda task: f"<{tasks.index(task)}>")
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError, match=rf"3 in a row died of <2> \({said}, .*images_per_shard") as caught:
        next(results)
    assert "\n" not in str(caught.value)
    assert times_run(tmp_path / "runs") == 3
    assert not multiprocessing.active_children()


def test_ray_gives_up_on_a_task_that_kills_every_worker(ray_here, tmp_path):
    tasks = ["0", dies(tmp_path / "runs", 99)]
    results = run_tasks(eval, tasks, EngineSettings(name="ray", workers=2), lambda task: f"<{tasks.index(task)}>")
    assert next(results) == 0
    with pytest.raises(InputError, match=r"3 in a row died of <1> \(WorkerCrashedError\)"):
        next(results)
    assert times_run(tmp_path / "runs") == 3


@pytest.mark.parametrize("name", ["processes", "ray"])
def test_an_error_in_a_task_is_not_tried_again(tmp_path, request, name):
    if name == "ray":
        request.getfixturevalue("ray_here")
    with pytest.raises(ZeroDivisionError):
        list(run_tasks(eval, [dies(tmp_path / "runs", 99, "1 / 0")], EngineSettings(name=name, workers=1)))
    assert times_run(tmp_path / "runs") == 1


def test_a_suspect_runs_again_alone(tmp_path):
    log, began = tmp_path / "log", tmp_path / "began"
    wait = f"[__import__('time').sleep(0.01) for _ in iter(lambda: __import__('os').path.exists({str(began)!r}), True)]"
    write = f"open({str(log)!r}, 'a').write"
    suspect = f"({wait}, {write}('a'), {dies(tmp_path / 'runs', 1)}, {write}('A'))"
    beside = f"(open({str(began)!r}, 'w').close(), __import__('time').sleep(0.5), {write}('b'))"
    last = f"{write}('c')"
    list(run_tasks(eval, [suspect, beside, last], EngineSettings(name="processes", workers=2)))
    assert log.read_text() == "abaAc"  # the suspect died beside b, and was tried again when b had ended


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("lambda: 0", "pickle"),  # no process can send it back
        ("__import__('json').loads('{')", "Expecting property name"),  # an error that takes more than its text
        ("(_ for _ in ()).throw(type('Own', (Exception,), {})('mine'))", "mine"),  # an error that cannot be pickled
    ],
)
def test_what_cannot_travel_is_an_error_and_not_a_hang(task, error):
    results = run_tasks(eval, ["1", task], EngineSettings(name="processes", workers=1))
    assert next(results) == 1
    with pytest.raises(Exception, match=error):
        next(results)


def test_the_traceback_in_the_worker_is_told():
    with pytest.raises(ZeroDivisionError) as caught:
        list(run_tasks(eval, ["1 / 0"], EngineSettings(name="processes", workers=1)))
    assert 'File "<string>", line 1' in "".join(caught.value.__notes__)


def test_only_some_tasks_are_begun_ahead_of_the_one_that_is_waited_for(tmp_path):
    tasks = [f"open({str(tmp_path / str(k))!r}, 'w').close()" for k in range(100)]
    results = run_tasks(eval, tasks, EngineSettings(name="processes", workers=2))
    next(results)
    results.close()
    assert len(list(tmp_path.iterdir())) <= 8  # four a worker


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(sign):
    """At once, though each is in the middle of a task that would take an hour."""
    program = (
        "from dcgan_pipeline.engine import EngineSettings, run_tasks\n"
        "if __name__ == '__main__':\n"
        "    tasks = [\"__import__('os').getpid()\"] * 2 + [\"__import__('time').sleep(3600)\"] * 2\n"
        "    results = run_tasks(eval, tasks, EngineSettings(name='processes', workers=2))\n"
        "    print(next(results), next(results), flush=True)\n"
        "    next(results)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        parent.stdout.readline()
        parent.send_signal(sign)
        parent.communicate(timeout=60)  # workers share the pipe: its end is the end of the last of them
    assert parent.returncode != 0


def test_this_process_does_a_task_only_when_its_result_is_asked_for():
    done = []
    results = run_tasks(done.append, [1, 2, 3], EngineSettings())
    assert done == []
    next(results)
    assert done == [1]


def test_workers_of_ray_have_the_priority_of_the_run(ray_here):
    assert list(run_tasks(os.nice, [0], EngineSettings(name="ray", workers=2))) == [os.nice(0)]


def test_ray_that_the_engine_starts_has_as_many_places_as_it_has_workers(ray_here):
    assert ray_here.cluster_resources()["CPU"] == 2


def listening(pid):
    """Addresses that a process and those below it listen at."""
    psutil = pytest.importorskip("psutil")
    found = []
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # Ray's helpers come and go
            connections = process.net_connections(kind="inet")
            found += [ipaddress.ip_address(c.laddr.ip) for c in connections if c.status == psutil.CONN_LISTEN]
    return [getattr(address, "ipv4_mapped", None) or address for address in found]


def test_ray_that_the_engine_starts_listens_to_this_machine_alone(ray_here):
    assert [node["NodeManagerAddress"] for node in ray_here.nodes()] == ["127.0.0.1"]
    addresses = listening(os.getpid())
    assert addresses
    assert all(address.is_loopback for address in addresses)


def test_ray_that_is_already_there_is_used(ray_here):
    first = ray_here.get_runtime_context().get_job_id()
    list(run_tasks(three_to_the, [1], EngineSettings(name="ray", workers=2)))
    assert ray_here.get_runtime_context().get_job_id() == first


def test_ray_that_is_not_installed_is_an_input_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # what Python itself does for a module that must not be imported
    results = run_tasks(three_to_the, [1], EngineSettings(name="ray"))
    with pytest.raises(InputError, match=r"needs Ray, which is not installed; pip install ray"):
        next(results)


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_an_input_error_at_once(monkeypatch, prefix):
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"{prefix}127.0.0.1:{port}")  # nothing listens there any more
    with pytest.raises(InputError, match=rf"RAY_ADDRESS must name a Ray cluster that runs, got {prefix}127.*refused"):
        list(run_tasks(three_to_the, [1], EngineSettings(name="ray")))


@pytest.mark.parametrize("values", [{"name": "threads"}, {"workers": 0}, {"cores": 2}])
def test_engine_settings_that_do_not_exist_are_input_errors(values):
    with pytest.raises(InputError, match=r"^engine\."):
        EngineSettings.parse(values, "engine")


UNGUARDED = """
from dcgan_pipeline.engine import EngineSettings, run_tasks
tasks = run_tasks(abs, [1, 2], EngineSettings(name="processes", workers=2))
print(list(tasks))
"""


def test_a_script_that_its_workers_cannot_import_is_told_the_lines_that_mend_it(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'call it under `if __name__ == "__main__":` alone' in done.stderr
    assert f"{tmp_path}/script.py ended when they did" in done.stderr
    assert done.stderr.count("Traceback") == 1  # the workers are silent
