import functools
import importlib.util
import ipaddress
import multiprocessing
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError

ENGINES = ["local", "processes", "ray"]


@pytest.fixture(scope="module")
def ray_here():
    """Ray as the engine itself starts it, in this process; shut down after the last test of this module."""
    if not importlib.util.find_spec("ray"):
        pytest.skip("the ray extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)  # never a cluster that happens to be there
        list(run_tasks(three_to_the, [1], EngineSettings(name="ray", workers=2)))
        import ray

        yield ray
        ray.shutdown()


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


def test_this_process_does_a_task_only_when_its_result_is_asked_for():
    done = []
    results = run_tasks(done.append, [1, 2, 3], EngineSettings())
    assert done == []
    next(results)
    assert done == [1]


def test_ray_that_the_engine_starts_has_as_many_places_as_it_has_workers(ray_here):
    assert ray_here.cluster_resources()["CPU"] == 2


def test_ray_that_the_engine_starts_listens_to_this_machine_alone(ray_here):
    psutil = pytest.importorskip("psutil")
    assert [node["NodeManagerAddress"] for node in ray_here.nodes()] == ["127.0.0.1"]
    listening = [
        ipaddress.ip_address(connection.laddr.ip)
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert all((getattr(address, "ipv4_mapped", None) or address).is_loopback for address in listening)


def test_ray_that_is_already_there_is_used(ray_here):
    first = ray_here.get_runtime_context().get_job_id()
    list(run_tasks(three_to_the, [1], EngineSettings(name="ray", workers=2)))
    assert ray_here.get_runtime_context().get_job_id() == first


def test_ray_that_is_not_installed_is_an_input_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # what Python itself does for a module that must not be imported
    results = run_tasks(three_to_the, [1], EngineSettings(name="ray"))
    with pytest.raises(
        InputError, match=r"needs the ray extra, which is not installed; pip install 'dcgan_pipeline\[ray\]'"
    ):
        next(results)


@pytest.mark.parametrize("values", [{"name": "threads"}, {"workers": 0}, {"cores": 2}])
def test_engine_settings_that_do_not_exist_are_input_errors(values):
    with pytest.raises(InputError, match=r"^engine\."):
        EngineSettings.parse(values, "engine")
