import os
from functools import partial

import pytest
import torch
from threadpoolctl import threadpool_info

from dcgan_pipeline.devices import resolve_device, resolve_threads, using_threads
from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError


def test_auto_is_the_gpu_where_there_is_one():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_a_tensor_can_be_made_on_the_device(name):
    assert torch.ones(2, device=resolve_device(name)).sum().item() == 2


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "cpu:x"])
def test_a_device_that_does_not_exist_is_an_input_error(name):
    with pytest.raises(
        InputError, match=rf"device must exist on this machine, got '{name}' \(.*\); use auto or cpu"
    ) as info:
        resolve_device(name)
    assert "\n" not in str(info.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_an_input_error():
    with pytest.raises(InputError, match="got 'cuda'"):
        resolve_device("cuda")


def test_a_number_of_threads_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert resolve_threads(3) == 3


def test_auto_is_what_the_environment_says_else_one_a_core(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")  # of nested levels
    assert resolve_threads("auto") == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= resolve_threads("auto") <= (os.cpu_count() or 1)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, None, "two", "1"])
def test_what_is_no_number_of_threads_is_an_input_error(threads):
    with pytest.raises(InputError, match="threads must be auto or a whole number"):
        resolve_threads(threads)


def test_a_variable_that_is_no_number_is_an_input_error(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(InputError, match=r"OMP_NUM_THREADS must be a number of threads, got 'many'"):
        resolve_threads("auto")


def test_threads_hold_in_a_block_for_torch_and_for_blas():
    before = torch.get_num_threads()
    with using_threads(3):
        assert torch.get_num_threads() == 3
        assert {pool["num_threads"] for pool in threadpool_info()} == {3}
    assert torch.get_num_threads() == before


def test_the_workers_of_a_pool_compute_in_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    settings = EngineSettings(name="processes", workers=2)
    count = partial(eval, "__import__('torch').get_num_threads()")
    assert list(run_tasks(count, [{}, {}, {}], settings)) == [1, 1, 1]
