"""Real processes: a lock is the operating system's, and ends with its process."""

import gc
import pickle
import subprocess
import sys

import pytest

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging import work_folder
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

LOCAL = EngineSettings()
SMALL = PreprocessSettings(image_size=8, images_per_shard=2)

# Makes the images, says so, and keeps them until its input ends.
HOLDER = """
import pickle, sys
from pathlib import Path
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.crop import crop_and_resize
source, regions, settings, work = pickle.load(open(sys.argv[1], "rb"))
made = crop_and_resize(source, regions, settings, EngineSettings(), work)
print("made", file=sys.stderr, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(photos, tmp_path):
    """Make the images of the photographs here, with a few settings changed."""
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL)

    def make(**changed):
        return crop_and_resize(source, regions, SMALL.model_copy(update=changed), LOCAL, tmp_path / "work")

    make.job = (source, regions)
    return make


@pytest.fixture
def holder(run, tmp_path):
    """Make them in another process, which then holds them; ended with the test at the latest."""
    started = []

    def start(**changed):
        job = (*run.job, SMALL.model_copy(update=changed), tmp_path / "work")
        (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path / "job.pickle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert any(line == "made\n" for line in process.stderr)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def impatient(monkeypatch):
    """Do not wait for another run to clear up."""
    monkeypatch.setattr(work_folder, "_CLEARING", 0)


def folders(tmp_path):
    return sorted(path for path in (tmp_path / "work").iterdir() if path.is_dir())


def shards(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def end(process):
    process.kill()
    process.wait()


def test_the_same_images_are_made_by_one_process_at_a_time(run, holder, tmp_path, impatient):
    process = holder()
    (folder,) = folders(tmp_path)
    before = shards(folder)
    with pytest.raises(InputError, match=r"another process is making those in .*; wait until it ends") as info:
        run()
    assert "\n" not in str(info.value)
    assert shards(folder) == before
    end(process)
    run()
    assert shards(folder) == before


def test_other_settings_of_a_process_that_lives_are_left_alone(run, holder, tmp_path):
    holder(image_size=16)
    (theirs,) = folders(tmp_path)
    before = shards(theirs)
    run()
    assert len(folders(tmp_path)) == 2
    assert shards(theirs) == before


def test_what_a_killed_run_of_other_settings_made_outlives_the_success_of_others_and_is_named(
    run, holder, tmp_path, caplog
):
    process = holder(image_size=16)
    (theirs,) = folders(tmp_path)
    end(process)
    before = shards(theirs)
    run()
    assert shards(theirs) == before
    (said,) = [message for message in caplog.messages if str(theirs) in message]
    assert "MiB" in said
    run(image_size=16)  # and it is gone on from
    assert {name: (theirs / name).read_bytes() for name in before} == before


def test_what_a_run_left_after_storing_is_removed_by_the_next(run, holder, tmp_path, caplog):
    process = holder(image_size=16)
    (theirs,) = folders(tmp_path)
    end(process)
    for path in theirs.glob("*.npy"):  # as the catalog moves them
        path.unlink()
    kept = run()
    assert not theirs.exists()
    assert [path.suffix for path in (tmp_path / "work").iterdir() if path.is_file()] == [".lock"]
    assert all(file.exists() for file in kept.images.files)
    assert not caplog.messages


def test_a_run_that_fails_removes_nothing(run, holder, photos, tmp_path):
    process = holder(image_size=16)
    (theirs,) = folders(tmp_path)
    before = shards(theirs)
    end(process)
    for path in photos.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-60])
    source = open_source(str(photos))
    with pytest.raises(InputError, match="at least one image must be usable"):
        crop_and_resize(source, find_regions(source, FacesSettings(), LOCAL), SMALL, LOCAL, tmp_path / "work")
    assert shards(theirs) == before


def test_partial_files_of_a_killed_run_are_removed_when_it_is_taken_up(run, holder, tmp_path):
    process = holder()
    (folder,) = folders(tmp_path)
    (folder / ".partial-0123abcd-images-00001.npy").write_bytes(b"half")
    end(process)
    run()
    assert not list(folder.glob(".partial-*"))


def test_results_that_are_still_referred_to_are_not_leftovers(run, tmp_path):
    first = run(image_size=16)
    run()
    write_shards(first.images, tmp_path / "stored", 100)
    assert ShardedArray(tmp_path / "stored").shape == (6, 3, 16, 16)
    del first
    gc.collect()
    run()
    assert len(folders(tmp_path)) == 1


def test_a_process_that_kept_its_first_result_can_run_again(run):
    first = run()
    again = run()
    assert first.images.files == again.images.files


def test_nothing_but_folders_of_runs_is_removed(run, tmp_path):
    (tmp_path / "work/mine").mkdir(parents=True)
    (tmp_path / "work/notes.txt").write_text("mine")
    run()
    assert (tmp_path / "work/mine").is_dir()
    assert (tmp_path / "work/notes.txt").exists()
