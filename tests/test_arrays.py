import copy
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan_pipeline.arrays import (
    ID,
    MANIFEST,
    ArrayChunks,
    ShardedArray,
    ShardFiles,
    check_same_images,
    first_not_finite,
    write_shards,
)
from dcgan_pipeline.errors import InputError

any_pace = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = 23
REFERENCE = np.random.default_rng(0).integers(0, 256, (ROWS, 3, 2), np.uint8)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """REFERENCE in shards of 5, 5, 5, 5 and 3 rows."""
    folder = tmp_path_factory.mktemp("array")
    write_shards(REFERENCE, folder, 5)
    return ShardedArray(folder)


def whole(array):
    return np.concatenate(list(array.shards()))


# ---- reading


def test_an_array_has_the_shape_and_kind_of_what_was_stored(stored):
    assert stored.shape == REFERENCE.shape
    assert len(stored) == ROWS
    assert stored.dtype == REFERENCE.dtype
    assert [len(shard) for shard in stored.shards()] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(whole(stored), REFERENCE)


@any_pace
@given(row=st.integers(-ROWS, ROWS - 1))
def test_a_number_gives_the_row_that_numpy_gives(stored, row):
    np.testing.assert_array_equal(stored[row], REFERENCE[row])
    np.testing.assert_array_equal(stored[np.int64(row)], REFERENCE[row])


@any_pace
@given(rows=st.slices(ROWS))
def test_a_slice_gives_the_rows_that_numpy_gives(stored, rows):
    np.testing.assert_array_equal(stored[rows], REFERENCE[rows])


@any_pace
@given(rows=st.lists(st.integers(0, ROWS - 1)))
def test_rows_come_in_the_order_asked_for_as_often_as_asked_for(stored, rows):
    np.testing.assert_array_equal(stored[rows], REFERENCE[np.array(rows, dtype=int)])
    np.testing.assert_array_equal(stored[np.array(rows, np.int32)], REFERENCE[np.array(rows, dtype=int)])


@any_pace
@given(data=st.data(), count=st.integers(1, 30), rows_per_shard=st.integers(1, 40))
def test_reading_does_not_depend_on_the_shards(data, count, rows_per_shard):
    reference = np.arange(count * 2).reshape(count, 2)
    with tempfile.TemporaryDirectory() as folder:
        write_shards(reference, Path(folder), rows_per_shard)
        array = ShardedArray(folder)
        rows = data.draw(st.lists(st.integers(0, count - 1)))
        np.testing.assert_array_equal(array[rows], reference[np.array(rows, dtype=int)])
        np.testing.assert_array_equal(array[::-1], reference[::-1])


@any_pace
@given(size=st.integers(1, 2 * ROWS))
def test_batches_give_every_row_once_in_order(stored, size):
    batches = list(stored.batches(size))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert 0 < len(batches[-1]) <= size
    np.testing.assert_array_equal(np.concatenate(batches), REFERENCE)


def test_iterating_gives_the_rows(stored):
    np.testing.assert_array_equal(np.stack(list(stored)), REFERENCE)


@pytest.mark.parametrize("rows", [ROWS, -ROWS - 1, [0, ROWS], [-1]])
def test_a_row_that_is_not_there_is_an_index_error(stored, rows):
    with pytest.raises(IndexError, match=f"rows must be between 0 and {ROWS - 1}, got"):
        stored[rows]


def test_a_mask_is_refused_and_not_read_as_numbers(stored):
    with pytest.raises(TypeError, match=r"got a mask; use numpy\.flatnonzero"):
        stored[np.ones(ROWS, bool)]


def test_what_is_read_is_a_copy(stored):
    stored[3][:] = 0
    stored[2:5][:] = 0
    np.testing.assert_array_equal(stored[:], REFERENCE)


def test_a_shard_cannot_be_written_through(stored):
    with pytest.raises(ValueError, match="read-only"):
        next(stored.shards())[0] = 0


def test_a_pickle_carries_no_rows_and_reads_the_same(tmp_path):
    write_shards(np.zeros((1000, 100), np.uint8), tmp_path, 300)
    array = ShardedArray(tmp_path)
    assert array[:].sum() == 0  # every map is open now
    data = pickle.dumps(array)
    assert len(data) < 2000
    np.testing.assert_array_equal(pickle.loads(data)[[0, 999]], array[[0, 999]])


def test_a_deep_copy_copies_nothing(stored):
    assert copy.deepcopy(stored) is stored


def test_a_folder_without_a_manifest_is_no_array(tmp_path):
    np.save(tmp_path / "shard-00000.npy", REFERENCE)
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        ShardedArray(tmp_path)


# ---- writing


@any_pace
@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any), rows_per_shard=st.integers(1, 15))
def test_chunks_of_any_sizes_become_shards_of_one_size(sizes, rows_per_shard):
    reference = np.arange(sum(sizes) * 3, dtype=np.float32).reshape(-1, 3)
    chunks = np.split(reference, np.cumsum(sizes)[:-1])
    with tempfile.TemporaryDirectory() as folder:
        write_shards(ArrayChunks(iter(chunks)), Path(folder), rows_per_shard)
        array = ShardedArray(folder)
        full, rest = divmod(len(reference), rows_per_shard)
        assert [len(shard) for shard in array.shards()] == [rows_per_shard] * full + [rest] * (rest > 0)
        np.testing.assert_array_equal(whole(array), reference)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "bool"])
@pytest.mark.parametrize("item_shape", [(), (7,), (3, 4, 4), (2, 0)])
def test_every_kind_and_shape_of_rows_comes_back(tmp_path, dtype, item_shape):
    reference = np.random.default_rng(0).integers(0, 2, (5, *item_shape)).astype(dtype)
    write_shards(reference, tmp_path, 2)
    array = ShardedArray(tmp_path)
    assert (array.dtype, array.shape) == (reference.dtype, reference.shape)
    np.testing.assert_array_equal(array[:], reference)


def test_an_array_that_is_not_contiguous_comes_back(tmp_path):
    reference = np.asfortranarray(REFERENCE)[::-2, ::-1]
    write_shards(reference, tmp_path, 4)
    np.testing.assert_array_equal(ShardedArray(tmp_path)[:], reference)


def test_a_foreign_byte_order_becomes_this_machines(tmp_path):
    reference = np.arange(10, dtype=">u2").reshape(5, 2)
    write_shards(ArrayChunks([reference[:1], reference[1:]]), tmp_path, 2)
    array = ShardedArray(tmp_path)
    assert array.dtype == np.dtype("=u2")
    np.testing.assert_array_equal(array[:], reference)


@pytest.mark.parametrize(
    "odd", [np.zeros((2, 3), np.float64), np.zeros((2, 4), np.uint8), np.zeros((2, 3, 1), np.uint8)]
)
@pytest.mark.parametrize("rows_per_shard", [1, 2, 3, 100])
def test_chunks_of_different_kinds_are_refused(tmp_path, odd, rows_per_shard):
    chunks = ArrayChunks([np.zeros((2, 3), np.uint8), odd])
    with pytest.raises(ValueError, match=r"every chunk must be \|u1 of shape \[3\], got "):
        write_shards(chunks, tmp_path, rows_per_shard)
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize("nothing", [ArrayChunks([]), ShardFiles([]), np.zeros((0, 3))])
def test_nothing_at_all_is_refused(tmp_path, nothing):
    with pytest.raises(ValueError, match="at least one chunk, got none"):
        write_shards(nothing, tmp_path, 10)
    assert not (tmp_path / MANIFEST).exists()


def test_the_manifest_is_written_after_the_last_chunk(tmp_path):
    def chunks():
        for _ in range(3):
            assert not (tmp_path / MANIFEST).exists()
            yield np.zeros((4, 2))

    write_shards(ArrayChunks(chunks()), tmp_path, 4)
    assert (tmp_path / MANIFEST).exists()


def test_a_stream_is_written_as_it_comes(tmp_path):
    def chunks():
        for k in range(5):
            assert len(list(tmp_path.glob("*.npy"))) == k  # what came before is on the disk, not in memory
            yield np.full((4, 2), k)

    write_shards(ArrayChunks(chunks()), tmp_path, 4)
    np.testing.assert_array_equal(ShardedArray(tmp_path)[::4][:, 0], range(5))


def test_attributes_come_back(tmp_path):
    write_shards(ArrayChunks([REFERENCE], {ID: "abc", "note": [1, 2]}), tmp_path, 100)
    assert ShardedArray(tmp_path).attrs == {ID: "abc", "note": [1, 2]}


def shard_files(folder):
    folder.mkdir()
    parts = np.split(REFERENCE, [1, 9])
    for k, part in enumerate(parts):
        np.save(folder / f"{k}.npy", part)
    return ShardFiles([folder / f"{k}.npy" for k in range(len(parts))], {ID: "abc"})


def test_files_that_workers_wrote_are_moved_as_they_are(tmp_path):
    files = shard_files(tmp_path / "work")
    inodes = [file.stat().st_ino for file in files.files]
    write_shards(files, tmp_path / "array", 4)
    array = ShardedArray(tmp_path / "array")
    np.testing.assert_array_equal(array[:], REFERENCE)
    assert array.attrs == {ID: "abc"}
    assert [len(shard) for shard in array.shards()] == [1, 8, ROWS - 9]
    assert not list((tmp_path / "work").iterdir())
    assert [file.stat().st_ino for file in sorted((tmp_path / "array").glob("*.npy"))] == inodes


def test_files_that_workers_wrote_are_moved_to_another_disk(tmp_path):
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs two file systems")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        write_shards(shard_files(tmp_path / "work"), Path(folder) / "array", 4)
        np.testing.assert_array_equal(ShardedArray(Path(folder) / "array")[:], REFERENCE)
    assert not list((tmp_path / "work").iterdir())


def test_files_of_different_kinds_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    np.save(tmp_path / "b.npy", np.zeros((2, 4)))
    with pytest.raises(ValueError, match="every chunk must be"):
        write_shards(ShardFiles([tmp_path / "a.npy", tmp_path / "b.npy"]), tmp_path / "array", 4)


def test_a_file_of_objects_is_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"any": "object"}]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        write_shards(ShardFiles([tmp_path / "a.npy"]), tmp_path / "array", 4)


def test_a_manifest_tells_everything_but_the_rows(tmp_path):
    write_shards(REFERENCE, tmp_path, 20)
    assert json.loads((tmp_path / MANIFEST).read_text()) == {
        "dtype": "|u1",
        "item_shape": [3, 2],
        "shards": [{"file": "shard-00000.npy", "rows": 20}, {"file": "shard-00001.npy", "rows": 3}],
        "attrs": {},
    }


# ---- the same images


def with_id(images_id):
    table = pd.DataFrame({"row": [0]})
    table.attrs = {} if images_id is None else {ID: images_id}
    return table


@pytest.mark.parametrize("ids", [["a"], ["a", "a"], ["a", "a", "a"], [None, None]])
def test_arrays_and_tables_of_one_run_go_together(ids):
    assert check_same_images(**{f"table_{k}": with_id(value) for k, value in enumerate(ids)}) is None


@pytest.mark.parametrize("other", ["abcdefghi", None])
def test_arrays_and_tables_of_different_runs_are_refused(other):
    with pytest.raises(
        InputError, match="images and records must come from the same preprocessing run, got ids images"
    ):
        check_same_images(images=with_id("xyz"), records=with_id(other))


def test_the_first_row_that_is_not_finite_is_found(tmp_path):
    numbers = np.ones((50, 3, 2), np.float32)
    write_shards(numbers, tmp_path / "whole", 7)
    assert first_not_finite(ShardedArray(tmp_path / "whole")) is None
    numbers[[23, 40], 1] = np.inf, np.nan
    write_shards(numbers, tmp_path / "broken", 7)
    assert first_not_finite(ShardedArray(tmp_path / "broken")) == 23
    write_shards(np.ones((5, 2), np.uint8), tmp_path / "bytes", 7)
    assert first_not_finite(ShardedArray(tmp_path / "bytes")) is None


def test_wide_rows_make_shards_of_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.arrays.SHARD_BYTES", 1000)
    rows = np.arange(40 * 50, dtype=np.float32).reshape(40, 50)  # 200 bytes each
    write_shards(ArrayChunks(iter(np.array_split(rows, 3))), tmp_path, 65_536)
    array = ShardedArray(tmp_path)
    assert [len(shard) for shard in array.shards()] == [5] * 8
    np.testing.assert_array_equal(array[:], rows)


WRITING = """
import re, sys
from pathlib import Path
import numpy as np
import dcgan_pipeline.arrays as arrays

def peak(count):
    chunks = (np.ones((250, 10_000), np.float32) for _ in range(count))
    arrays.write_shards(arrays.ArrayChunks(chunks), Path(sys.argv[1], str(count)), 65_536)
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

arrays.SHARD_BYTES = 1 << 24
print(peak(4), peak(24))
"""


def test_more_wide_rows_are_written_in_no_more_memory(tmp_path):
    run = subprocess.run([sys.executable, "-c", WRITING, str(tmp_path)], capture_output=True, text=True, check=True)
    few, many = map(float, run.stdout.split())  # MiB
    assert many - few < 80  # the 20 chunks more are 191, a few shards in work 16 each


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rows": 4}, r"shard-00000\.npy is not whole \(it has int64 of shape \(5,\), and manifest.json says .*\(4,\)"),
        ({"rows": 6}, r"shard-00000\.npy is not whole"),
        ({"dtype": "<f4"}, r"shard-00000\.npy is not whole"),
        ({"item_shape": [1]}, r"shard-00000\.npy is not whole"),
        ({"rows": -1}, r"manifest\.json is not whole \(shards\.0\.rows: "),
        ({"file": "../shard-00000.npy"}, r"manifest\.json is not whole \(shards\.0\.file: "),
        ({"dtype": "int65"}, r"manifest\.json is not whole \(dtype: .*int65"),
        ({"dtype": None}, r"manifest\.json is not whole \(dtype: "),
        ({"attrs": []}, r"manifest\.json is not whole \(attrs: "),
        ({"shards": None}, r"manifest\.json is not whole \(shards: "),
        (None, r"manifest\.json is not whole \("),
    ],
)
def test_a_manifest_that_does_not_fit_its_shards_is_named(tmp_path, changed, why):
    write_shards(ArrayChunks([np.arange(10)], {"loss": float("nan")}), tmp_path / "array", 5)
    manifest = json.loads((tmp_path / "array/manifest.json").read_text())
    for name, value in (changed or {}).items():
        (manifest if name in manifest else manifest["shards"][0])[name] = value
    assert np.isnan(ShardedArray(tmp_path / "array").attrs["loss"])
    (tmp_path / "array/manifest.json").write_text(json.dumps(manifest) if changed else "[]")
    with pytest.raises(InputError, match=rf"{why}.*; remove {tmp_path}, so that the version before it is the latest"):
        ShardedArray(tmp_path / "array")[:]


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(file.read_bytes()[:-1]), Path.unlink, Path.touch])
def test_a_shard_that_is_not_whole_is_named(tmp_path, damage):
    write_shards(ArrayChunks([np.arange(10)], {}), tmp_path / "array", 5)
    array = ShardedArray(tmp_path / "array")
    shard = array.folder / "shard-00001.npy"
    if damage is Path.touch:
        shard.unlink()
    damage(shard)
    assert array[4] == 4
    with pytest.raises(
        InputError, match=r"shard-00001\.npy is not whole \(.*\); remove .*, or run the stage that makes"
    ):
        array[5]
