import io
import multiprocessing
import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.visualize import sample_files
from dcgan_pipeline.visualize.sample_files import class_folder, sample_sheet, write_samples
from dcgan_pipeline.visualize.settings import SampleSettings

CPU = torch.device("cpu")


def made(channels=3, labels=0):
    """An untrained GAN with statistics, drawn from so widely that images are not all grey."""
    conditional = {"labels": labels, "hidden": 6} if labels else {}
    architecture = Architecture(image_size=8, channels=channels, latent_dim=5, width=3, kernel=3, **conditional)
    trainer = Trainer(architecture, TrainSettings(steps=1, sample_count=2), 0, CPU)
    with torch.no_grad():
        for conv in trainer.generator.convs:
            conv.weight.mul_(30)
    images = torch.rand(8, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    numbers = np.arange(8) % labels if labels else None
    trainer.recompute_statistics([(images, torch.from_numpy(numbers)) if labels else images], 4, numbers)
    return trainer.state(**({"classes": ["cat", "a/b"]} if labels else {}))


@pytest.fixture(scope="module")
def gan():
    return made()


@pytest.fixture(params=["folder", "zip"])
def kind(request):
    return request.param


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 10 samples."""
    monkeypatch.setattr(sample_files, "PART", 10)


def draw(gan, work, **chosen):
    return write_samples(gan, SampleSettings(**chosen), chosen.get("seed", 0), CPU, work)


def pixels(data):
    image = np.asarray(Image.open(io.BytesIO(data)))
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def read(files):
    """Images by name, in order, from folders and zips."""
    found = {}
    for file in files:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                assert archive.testzip() is None
                found |= {f"{file.stem}/{name}": pixels(archive.read(name)) for name in archive.namelist()}
        else:
            paths = sorted(file.rglob("*.png"), key=lambda path: path.name)
            found |= {f"{file.name}/{path.relative_to(file)}": pixels(path.read_bytes()) for path in paths}
    return found


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("channels", [1, 3])
def test_files_hold_the_samples_of_the_python_call(tmp_path, kind, channels):
    gan = made(channels)
    drawn = draw(gan, tmp_path, count=23, format=kind, batch_size=4)
    assert [file.name for file in drawn.files] == [f"0000{k}{'.zip' if kind == 'zip' else ''}" for k in range(3)]
    found = read(drawn.files)
    assert list(found) == [f"{k // 10:05d}/{k:09d}.png" for k in range(23)]
    np.testing.assert_array_equal(np.stack(list(found.values())), sample(gan, 23, 0, CPU, batch_size=4))
    assert drawn.attrs["gan"] == gan.digest()
    assert (drawn.attrs["seed"], drawn.attrs["count"]) == (0, 23)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("classes", "folders"),
    [(None, ["cat", "a%2Fb", "unnamed 2"]), (["a/b", "0"], ["a%2Fb", "cat"]), ("2", ["unnamed 2"])],
)
def test_samples_of_a_class_lie_in_its_folder(tmp_path, kind, classes, folders):
    gan = made(labels=3)
    drawn = draw(gan, tmp_path / "drawn", count=13, format=kind, classes=classes)
    found = read(drawn.files)
    assert list(found) == [f"{k // 10:05d}/{folders[k % len(folders)]}/{k:09d}.png" for k in range(13)]
    assert drawn.attrs["classes"] == [name.replace("%2F", "/") for name in folders]
    numbers = torch.tensor([["cat", "a%2Fb", "unnamed 2"].index(name) for name in folders])
    np.testing.assert_array_equal(np.stack(list(found.values())), sample(gan, 13, 0, CPU, labels=numbers))
    if len(folders) > 1:
        source = open_source(str(drawn.files[0] if kind == "zip" else drawn.files[0].parent))
        assert set(source.classes) == set(folders)
        assert len(source) == (10 if kind == "zip" else 13)


def test_a_grid_may_be_of_one_class(tmp_path):
    gan = made(labels=3)
    (file,) = draw(gan, tmp_path, count=4, classes=["cat"]).files
    expected = np.asarray(sample_sheet(sample(gan, 4, 0, CPU, labels=torch.tensor([0]))))
    np.testing.assert_array_equal(np.asarray(Image.open(file)), expected)
    with pytest.raises(
        InputError, match=r"sample\.classes must be of those that the gan knows, cat, a/b, unnamed 2, got dog"
    ):
        draw(gan, tmp_path, count=4, classes=["dog"])


@pytest.mark.parametrize(
    ("name", "folder"),
    [("a b", "a b"), ("été", "été"), ("..", "%2E%2E"), ("a/b\\c", "a%2Fb%5Cc"), ("5%", "5%25"), ("a. ", "a%2E%20")],
)
def test_the_folder_of_a_class_is_one_folder(name, folder):
    assert class_folder(name) == folder


@given(st.text(), st.text())
def test_classes_do_not_share_a_folder(one, other):
    assert (class_folder(one) == class_folder(other)) == (one == other)
    assert "/" not in class_folder(one)
    assert class_folder(one) not in ("", ".", "..")


@pytest.mark.usefixtures("small_parts")
def test_in_batches_parts_do_not_show(gan, tmp_path, kind):
    drawn = draw(gan, tmp_path, count=23, format=kind, batch_norm="batch", batch_size=8)
    np.testing.assert_array_equal(
        np.stack(list(read(drawn.files).values())), sample(gan, 23, 0, CPU, batch_norm="batch", batch_size=8)
    )


@pytest.mark.usefixtures("small_parts")
def test_zips_are_the_same_bytes_whenever_they_are_made_and_for_any_count(gan, tmp_path, monkeypatch):
    first = draw(gan, tmp_path / "a", count=20, format="zip")
    monkeypatch.setattr("time.localtime", lambda *_: (2040, 1, 1, 0, 0, 0, 0, 1, 0))
    second = draw(gan, tmp_path / "b", count=33, format="zip")
    assert [file.read_bytes() for file in first.files] == [file.read_bytes() for file in second.files][:2]
    third = draw(gan, tmp_path / "c", count=20, format="zip", seed=1)
    assert third.files[0].read_bytes() != first.files[0].read_bytes()


def test_a_grid_is_about_square_and_holds_the_samples(gan, tmp_path):
    (file,) = draw(gan, tmp_path, count=7, format="grid").files
    sheet = np.asarray(Image.open(file))
    scale = round(480 / 26)
    assert sheet.shape == ((3 * 9 - 1) * scale, (3 * 9 - 1) * scale, 3)
    small, samples = sheet[::scale, ::scale], sample(gan, 7, 0, CPU)
    for k in range(7):
        top, left = k // 3 * 9, k % 3 * 9
        np.testing.assert_array_equal(small[top : top + 8, left : left + 8].transpose(2, 0, 1), samples[k])
    assert (small[18:, 9:] == 255).all()


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (64, 8, 8), (65, 8, 9), (73, 9, 9)])
def test_a_grid_has_no_empty_row(count, rows, columns):
    sheet = sample_sheet(np.zeros((count, 1, 100, 100), np.uint8))
    scale = max(1, round(480 / (101 * columns - 1)))
    assert sheet.size == ((101 * columns - 1) * scale, (101 * rows - 1) * scale)


# Kills itself the MOMENTth time that something is opened for writing or gets its name.
KILLED = """
import os, signal, sys, torch
from pathlib import Path
from dcgan_pipeline.visualize import sample_files
from dcgan_pipeline.visualize.settings import SampleSettings
from dcgan_pipeline.weights import Weights
sample_files.PART = 10
moment = int(sys.argv[4])
gan, work = Weights.load(sys.argv[1]), Path(sys.argv[2])

def hook(event, arguments):
    global moment
    if event == "os.rename" or (event == "open" and "unfinished-" in str(arguments[0])):
        moment -= 1
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
settings = SampleSettings(count=23, format=sys.argv[3])
sample_files.write_samples(gan, settings, 0, torch.device("cpu"), work)
"""


@pytest.mark.usefixtures("small_parts")
def test_a_killed_run_goes_on_from_the_parts_that_are_whole(gan, tmp_path, kind, monkeypatch):
    gan.save(tmp_path / "gan.safetensors")
    expected = read(draw(gan, tmp_path / "uninterrupted", count=23, format=kind).files)
    work = tmp_path / "work"
    moment = 4 if kind == "zip" else 15  # in the second part
    arguments = [str(tmp_path / "gan.safetensors"), str(work), kind, str(moment)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (folder,) = (path for path in work.iterdir() if path.is_dir())
    whole = [path for path in folder.iterdir() if not path.name.startswith("unfinished-")]
    assert [path.name for path in whole] == ["00000.zip" if kind == "zip" else "00000"]
    was = os.stat(whole[0])
    drawn = draw(gan, work, count=23, format=kind)
    assert os.stat(drawn.files[0]).st_ino == was.st_ino  # not drawn again
    found = read(drawn.files)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], image) for name, image in expected.items())
    assert not list(folder.glob("unfinished-*"))


def test_what_killed_runs_of_other_settings_left_is_removed(gan, tmp_path):
    left = tmp_path / ("0" * 16 + "-99")
    (left / "unfinished-00000").mkdir(parents=True)
    draw(gan, tmp_path, count=2, format="zip")
    assert not left.exists()


def hold_and_wait(gan_file, work, ready, end):
    from dcgan_pipeline.weights import Weights

    held = draw(Weights.load(gan_file), work, count=3, format="zip")
    ready.set()
    end.wait()
    del held


def test_two_processes_do_not_draw_the_same_samples_at_once(gan, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.imaging.work_folder._CLEARING", 0.1)
    gan.save(tmp_path / "gan.safetensors")
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=hold_and_wait, args=(tmp_path / "gan.safetensors", tmp_path / "work", ready, end))
    process.start()
    try:
        while not ready.wait(0.2):
            assert process.is_alive()
        with pytest.raises(InputError, match=r"one run at a time may make the same images"):
            draw(gan, tmp_path / "work", count=3, format="zip")
        draw(gan, tmp_path / "work", count=3, format="folder")  # others it may
    finally:
        end.set()
        process.join()


def test_memory_does_not_grow_with_the_count(gan, tmp_path, monkeypatch):
    """Every batch is let go before the next but one is drawn."""
    import weakref

    alive, most = [], 0
    draws = sample_files.sample_batches

    def watched(*given):
        nonlocal most
        for batch in draws(*given):
            alive.append(weakref.ref(batch))
            most = max(most, sum(ref() is not None for ref in alive))
            yield batch
            del batch

    monkeypatch.setattr(sample_files, "sample_batches", watched)
    draw(gan, tmp_path, count=200, format="zip", batch_size=5)
    assert len(alive) == 40
    assert most <= 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, r"sample.count: input should be greater than or equal to 1, got 0"),
        ({"count": 10_001}, r"sample: count must be at most 10000 in a grid, got 10001; set format to folder or zip"),
        ({"batch_norm": "batch", "batch_size": 1}, r"batch_size must be 2 or more where batch_norm is batch, got 1"),
        ({"classes": []}, r"sample.classes: list should have at least 1 item after validation, not 0, got \[\]"),
        ({"format": "tar"}, r"sample.format: input should be 'grid', 'folder' or 'zip', got 'tar'"),
    ],
)
def test_wrong_settings_are_one_line(values, message):
    with pytest.raises(InputError, match=message):
        SampleSettings.parse(values, "sample")
