import itertools
import pickle
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import fsspec
import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError, Version

from dcgan_pipeline.arrays import ArrayChunks
from dcgan_pipeline.datasets.sharded_array import ShardedArrayDataset

FIRST, SECOND, THIRD = (f"2026-01-0{day}T00.00.00.000Z" for day in (1, 2, 3))

# Saves, and kills itself at the MOMENTth time that a partial file is opened or moved.
KILLED = """
import os, pickle, signal, sys
dataset, data = pickle.load(open(sys.argv[1], "rb"))
moment = int(sys.argv[2])

def hook(event, arguments):
    global moment
    if event in ("open", "os.rename", "os.link") and ".partial-" in str(arguments[0]):
        moment -= 1
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
dataset.save(data)
"""


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def kill_while_saving(folder, dataset, data, moment):
    """Save in another process that dies at a moment; False where the save was over by then."""
    (folder / "job.pickle").write_bytes(pickle.dumps((dataset, data)))
    done = subprocess.run([sys.executable, "-c", KILLED, folder / "job.pickle", str(moment)], stderr=subprocess.PIPE)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


def test_what_was_saved_comes_back_without_versions(case, tmp_path):
    dataset = case.plain(tmp_path / "data")
    assert not dataset.exists()
    for k in (3, 7):  # the second replaces the first
        dataset.save(case.data(k))
        assert dataset.exists()
        assert case.number(dataset.load()) == k
        assert case.number(case.plain(tmp_path / "data").load()) == k
    assert not [name for name in files(tmp_path) if ".partial" in name]


def test_what_was_saved_comes_back_by_version_and_the_latest_without(case, tmp_path):
    for version, k in ((FIRST, 3), (SECOND, 7)):
        dataset = case.dataset(tmp_path, version)
        dataset.save(case.data(k))
        assert dataset.resolve_load_version() == version
    assert case.number(case.dataset(tmp_path).load()) == 7
    assert case.number(case.dataset(tmp_path, load_version=FIRST).load()) == 3
    assert case.dataset(tmp_path).list_versions(full_path=False) == [SECOND, FIRST]
    assert not [name for name in files(tmp_path) if ".partial" in name]


def test_a_version_is_never_written_twice(case, tmp_path):
    case.dataset(tmp_path, FIRST).save(case.data(3))
    with pytest.raises(DatasetError, match="must not exist if versioning is enabled"):
        case.dataset(tmp_path, FIRST).save(case.data(7))
    assert case.number(case.dataset(tmp_path).load()) == 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_save_that_fails_leaves_nothing_and_the_version_before_as_the_latest(case, tmp_path):
    case.dataset(tmp_path, FIRST).save(case.data(3))
    before = files(tmp_path)
    broken = case.dataset(tmp_path, SECOND)
    with pytest.raises(DatasetError):
        broken.save(case.broken())
    assert files(tmp_path) == before
    assert [path.name for path in (tmp_path / case.file).iterdir()] == [FIRST]
    assert case.number(case.dataset(tmp_path).load()) == 3
    broken.save(case.data(7))
    assert case.number(case.dataset(tmp_path).load()) == 7


def test_a_save_that_fails_leaves_what_was_there_without_versions(case, tmp_path):
    dataset = case.plain(tmp_path)
    dataset.save(case.data(3))
    before = files(tmp_path)
    with pytest.raises(DatasetError):
        dataset.save(case.broken())
    assert files(tmp_path) == before
    assert case.number(dataset.load()) == 3


def test_a_process_killed_while_it_saves_leaves_the_version_before_as_the_latest(case, tmp_path):
    case.dataset(tmp_path, FIRST).save(case.data(3))
    catalog = {"entry": {"type": case.type_name, "filepath": f"{tmp_path}/{case.file}", "versioned": True}}
    for moment in itertools.count(1):
        killed = kill_while_saving(tmp_path, case.dataset(tmp_path, SECOND), case.data(7), moment)
        latest = DataCatalog.from_config(catalog).load("entry")
        assert case.number(latest) == (3 if killed else 7)
        if not killed:
            break
    assert moment > 1
    assert case.dataset(tmp_path).list_versions(full_path=False) == [SECOND, FIRST]
    assert not list(tmp_path.rglob(".partial-*"))  # the next save has removed what the killed ones left


@pytest.mark.parametrize("case", ["table", "metrics", "figure", "animation", "film", "weights"], indirect=True)
def test_a_process_killed_while_it_replaces_a_file_leaves_the_old_one(case, tmp_path):
    case.plain(tmp_path).save(case.data(3))
    assert kill_while_saving(tmp_path, case.plain(tmp_path), case.data(7), 1)
    assert case.number(case.plain(tmp_path).load()) == 3
    case.plain(tmp_path).save(case.data(8))
    assert case.number(case.plain(tmp_path).load()) == 8
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_save_leaves_what_another_process_is_saving(tmp_path):
    ours, theirs = (ShardedArrayDataset(filepath=tmp_path / "array", version=Version(v, v)) for v in (FIRST, SECOND))

    def chunks():
        yield np.full((5, 2), 3)
        theirs.save(np.full((5, 2), 7))  # in the meantime
        yield np.full((5, 2), 3)

    ours.save(ArrayChunks(chunks()))
    assert ours.load().shape == (10, 2)
    assert theirs.load()[:].max() == 7
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_folder_is_replaced_after_a_process_was_killed_at_any_moment_of_replacing_it(tmp_path):
    dataset = ShardedArrayDataset(filepath=tmp_path / "array")
    dataset.save(np.full((5, 2), 3))
    for moment in itertools.count(1):
        killed = kill_while_saving(tmp_path, dataset, np.full((5, 2), 7), moment)
        if (tmp_path / "array").exists():
            assert dataset.load()[:].max() in (3, 7)
        dataset.save(np.full((5, 2), 3))
        dataset.save(np.full((5, 2), 3))
        assert dataset.load()[:].max() == 3
        if not killed:
            break
    assert moment > 2


def test_datasets_are_pickled_before_and_after_they_are_used(case, tmp_path):
    dataset = case.dataset(tmp_path, FIRST)
    pickle.loads(pickle.dumps(dataset)).save(case.data(3))
    assert case.number(dataset.load()) == 3
    assert case.number(pickle.loads(pickle.dumps(dataset)).load()) == 3


def test_what_was_saved_in_another_file_system_comes_back(case, tmp_path):
    place = f"memory:///{uuid.uuid4().hex}"
    options = {"cache": str(tmp_path)} if case.kind is ShardedArrayDataset else {}
    for k in (3, 7):
        case.plain(place).save(case.data(k))
        assert case.number(case.kind(filepath=f"{place}/{case.file}", **options).load()) == k
    for version, k in ((FIRST, 4), (SECOND, 9), (THIRD, 8)):
        case.dataset(f"{place}/versioned", version).save(case.data(k))
    versioned = case.dataset(f"{place}/versioned", **options)
    assert versioned.exists()
    assert versioned.resolve_load_version() == THIRD
    assert case.number(versioned.load()) == 8
    assert case.number(case.dataset(f"{place}/versioned", load_version=SECOND, **options).load()) == 9
    fsspec.filesystem("memory").rm(place, recursive=True)


def test_an_entry_that_was_never_saved_does_not_exist(case, tmp_path):
    assert not case.dataset(tmp_path).exists()
    with pytest.raises(DatasetError, match="Did not find any versions"):
        case.dataset(tmp_path).load()


def test_a_version_that_another_process_saved_is_found_after_a_release(case, tmp_path):
    reader = case.dataset(tmp_path)
    for version, k in ((FIRST, 3), (SECOND, 7)):
        case.dataset(tmp_path, version).save(case.data(k))
        reader.release()
        assert case.number(reader.load()) == k


def test_a_dataset_says_where_it_is(case, tmp_path):
    assert str(tmp_path / case.file) in str(case.dataset(tmp_path))
