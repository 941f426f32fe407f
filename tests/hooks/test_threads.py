"""The number of threads is a setting: it holds while nodes run, and is recorded."""

import pytest
import torch
from kedro.io import DataCatalog, MemoryDataset

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.hooks import ThreadsHooks
from dcgan_pipeline.parameters import SharedSettings


@pytest.fixture
def hooks():
    before = torch.get_num_threads()
    made = ThreadsHooks()
    yield made
    made.after_pipeline_run()
    assert torch.get_num_threads() == before  # a notebook goes on as it was


def catalog(threads):
    return DataCatalog({"parameters": MemoryDataset({"threads": threads})})


def test_a_node_computes_in_as_many_threads_as_the_setting_says(hooks):
    hooks.before_pipeline_run(catalog(3))
    hooks.before_node_run()
    assert torch.get_num_threads() == 3
    hooks.before_node_run()  # the next one
    assert torch.get_num_threads() == 3


def test_after_a_failure_the_process_is_as_it_was(hooks):
    hooks.before_pipeline_run(catalog(3))
    hooks.before_node_run()
    hooks.on_pipeline_error()
    assert torch.get_num_threads() != 3


def test_a_wrong_setting_is_refused_before_anything_starts(hooks):
    with pytest.raises(InputError, match=r"threads must be auto or a whole number from 1 on, got 0"):
        hooks.before_pipeline_run(catalog(0))


def test_the_default_run_has_one_thread_and_says_so(finished):
    """Whatever the environment says: README.md's numbers need no variable."""
    assert finished.load("gan").settings["threads"] == 1
    for run in finished.mlflow_runs():
        assert run.data.params["threads"] == "1"


@pytest.mark.parametrize("threads", [0, "two", 1.5, True])
def test_a_wrong_setting_of_a_file_is_one_line_with_its_name(threads):
    with pytest.raises(InputError, match=r"^threads: must be auto or a whole number from 1 on, got "):
        SharedSettings.parse({"threads": threads}, "")


@pytest.mark.parametrize("threads", ["auto", "3", 3])
def test_a_right_one_is_taken(threads):
    assert SharedSettings.parse({"threads": threads}, "").threads == ("auto" if threads == "auto" else 3)
