import pickle
from pathlib import Path

import pytest
from kedro.io import DatasetError

from dcgan_pipeline.datasets.work_folder import WorkFolderDataset


def test_loading_gives_the_path_and_makes_nothing(tmp_path):
    dataset = WorkFolderDataset(filepath=str(tmp_path / "work"))
    assert dataset.load() == tmp_path / "work"
    assert isinstance(dataset.load(), Path)
    assert not (tmp_path / "work").exists()


def test_a_stage_may_ask_for_the_folder_before_it_is_there(tmp_path):
    assert WorkFolderDataset(filepath=tmp_path / "work").exists()


def test_it_cannot_be_saved_to(tmp_path):
    with pytest.raises(DatasetError, match=r"written by the stage that uses it; .*work cannot be saved to"):
        WorkFolderDataset(filepath=tmp_path / "work").save("something")


def test_a_dataset_is_pickled(tmp_path):
    assert pickle.loads(pickle.dumps(WorkFolderDataset(filepath=tmp_path))).load() == tmp_path


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(WorkFolderDataset) > 0
