import signal
import subprocess
import sys
import uuid

import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError, Version

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, ShardFiles
from dcgan_pipeline.datasets.sharded_array import ShardedArrayDataset

REFERENCE = np.random.default_rng(0).integers(0, 256, (11, 3, 8, 8), np.uint8)
FIRST, SECOND = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"

KILLED = """
import os, signal, sys
import numpy as np
from kedro.io import Version
from dcgan_pipeline.arrays import ArrayChunks
from dcgan_pipeline.datasets.sharded_array import ShardedArrayDataset

def chunks():
    yield np.zeros((4, 2))
    yield np.zeros((4, 2))
    os.kill(os.getpid(), signal.SIGKILL)

version = Version(None, sys.argv[2]) if len(sys.argv) > 2 else None
ShardedArrayDataset(filepath=sys.argv[1], rows_per_shard=4, version=version).save(ArrayChunks(chunks()))
"""


def files_of(folder):
    folder.mkdir()
    for k, part in enumerate(np.split(REFERENCE, [4])):
        np.save(folder / f"{k}.npy", part)
    return ShardFiles([folder / "0.npy", folder / "1.npy"], {"images_id": "abc"})


@pytest.mark.parametrize("kind", ["array", "chunks", "files"])
@pytest.mark.parametrize("remote", [False, True])
def test_an_array_a_stream_and_files_of_workers_come_back_as_memory_maps(tmp_path, kind, remote):
    place = f"memory:///{uuid.uuid4().hex}" if remote else str(tmp_path / "array")
    dataset = ShardedArrayDataset(filepath=place, rows_per_shard=4, cache=str(tmp_path / "cache"))
    data = {"array": REFERENCE, "chunks": ArrayChunks(iter(np.split(REFERENCE, [1, 6])), {"images_id": "abc"})}
    dataset.save(files_of(tmp_path / "work") if kind == "files" else data[kind])
    loaded = dataset.load()
    assert isinstance(loaded, ShardedArray)
    assert all(isinstance(shard, np.memmap) for shard in loaded.shards())
    np.testing.assert_array_equal(loaded[:], REFERENCE)
    assert loaded.attrs == ({} if kind == "array" else {"images_id": "abc"})


def test_an_array_of_another_file_system_is_fetched_again_when_it_has_changed(tmp_path):
    dataset = ShardedArrayDataset(filepath=f"memory:///{uuid.uuid4().hex}", cache=str(tmp_path))
    for value in (3, 7):
        dataset.save(np.full((5, 2), value))
        assert (dataset.load()[:] == value).all()


def test_an_array_of_another_file_system_is_fetched_once(tmp_path):
    dataset = ShardedArrayDataset(filepath=f"memory:///{uuid.uuid4().hex}", cache=str(tmp_path))
    dataset.save(REFERENCE)
    first = dataset.load()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert len(times) == 1
    assert dataset.load().folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == times


def test_a_process_killed_in_the_middle_of_a_stream_leaves_the_version_before_as_the_latest(tmp_path):
    place = tmp_path / "array"
    ShardedArrayDataset(filepath=place, version=Version(None, FIRST)).save(REFERENCE)
    done = subprocess.run([sys.executable, "-c", KILLED, place, SECOND], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list((place / SECOND).rglob("*.npy"))) == 2  # it was in the middle
    entry = {"type": "dcgan_pipeline.datasets.sharded_array.ShardedArrayDataset", "filepath": str(place)}
    catalog = DataCatalog.from_config({"images": {**entry, "versioned": True}})
    np.testing.assert_array_equal(catalog.load("images")[:], REFERENCE)


def test_a_process_killed_in_the_middle_of_a_stream_leaves_the_folder_before(tmp_path):
    ShardedArrayDataset(filepath=tmp_path / "array").save(REFERENCE)
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "array"], check=False)
    assert done.returncode == -signal.SIGKILL
    np.testing.assert_array_equal(ShardedArrayDataset(filepath=tmp_path / "array").load()[:], REFERENCE)


def test_an_error_in_a_stream_leaves_the_array_before_and_no_file_of_the_new(tmp_path):
    def chunks():
        yield REFERENCE
        raise RuntimeError("the disk burns")

    dataset = ShardedArrayDataset(filepath=tmp_path / "array", rows_per_shard=2)
    dataset.save(REFERENCE)
    with pytest.raises(DatasetError, match="the disk burns"):
        dataset.save(ArrayChunks(chunks()))
    np.testing.assert_array_equal(dataset.load()[:], REFERENCE)
    assert [path.name for path in tmp_path.iterdir()] == ["array"]


def test_a_folder_without_a_manifest_does_not_exist(tmp_path):
    dataset = ShardedArrayDataset(filepath=tmp_path / "array")
    dataset.save(REFERENCE)
    assert dataset.exists()
    (tmp_path / "array" / "manifest.json").unlink()
    assert not dataset.exists()


@pytest.mark.parametrize(
    "shape", [(70, 3, 8, 8), (3, 1, 8, 8), (1, 3, 8, 8), (10, 5), (10,), (4, 600), (2, 9, 3, 8, 8)]
)
def test_the_preview_is_a_picture_of_the_first_rows(tmp_path, shape, opened_preview, preview_type):
    dataset = ShardedArrayDataset(filepath=tmp_path / "array")
    dataset.save(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert preview_type(dataset) == "ImagePreview"
    picture = np.asarray(opened_preview(dataset))
    assert picture.min() < picture.max()


def test_the_preview_shows_the_images_themselves(tmp_path, opened_preview):
    dataset = ShardedArrayDataset(filepath=tmp_path / "array")
    dataset.save(REFERENCE[:1])
    picture = np.asarray(opened_preview(dataset))
    np.testing.assert_array_equal(picture[:16:2, :16:2].transpose(2, 0, 1), REFERENCE[0])


def test_the_preview_of_equal_numbers_is_a_picture_too(tmp_path, opened_preview):
    dataset = ShardedArrayDataset(filepath=tmp_path / "array")
    dataset.save(np.full((4, 5), 2.5))
    assert opened_preview(dataset).size == (5, 4)


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(ShardedArrayDataset) > 0
