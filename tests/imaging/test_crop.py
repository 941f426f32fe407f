import io
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan_pipeline.arrays import ID
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box, centred_square
from dcgan_pipeline.imaging.crop import channels_first, crop_and_resize, jpeg_reduction, resize_region
from dcgan_pipeline.imaging.decode import Decoded, decode_image, decode_reduced
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, Limits, PreprocessSettings
from dcgan_pipeline.imaging.sources import SubsetSource

LOCAL = EngineSettings()
SMALL = PreprocessSettings(image_size=12)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def resized(image, box, size, channels, resample, fraction=1.0):
    return channels_first(resize_region(Decoded(image, image.size), box, size, resample, fraction), channels)


def pixels(files):
    return np.concatenate([np.load(file) for file in files.files])


def made(source, work, settings=SMALL, engine=LOCAL, faces=None):
    regions = find_regions(source, faces or FacesSettings(), LOCAL)
    return crop_and_resize(source, regions, settings, engine, work)


def assert_same(one, other):
    np.testing.assert_array_equal(pixels(one.images), pixels(other.images))
    np.testing.assert_array_equal(pixels(one.thumbnails), pixels(other.thumbnails))
    pd.testing.assert_frame_equal(one.records, other.records)
    pd.testing.assert_frame_equal(one.rejected, other.rejected)


@pytest.fixture
def broken_photos(photos):
    """The photographs, one of them no image and one cut short: only decoding it whole finds that out."""
    (photos / "cat/1a.png").write_bytes(b"no image")
    whole = (photos / "dog/0.png").read_bytes()
    (photos / "dog/0a.png").write_bytes(whole[: len(whole) // 2])
    return photos


# ---- one region


def test_a_centred_square_is_the_papers_min_resize_and_centre_crop():
    image = noise(96, 48)
    square = resized(image, Box(24, 0, 48, 48), 16, 3, "bicubic")
    small = image.resize((32, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(square.transpose(1, 2, 0), np.asarray(small.crop((8, 0, 24, 16))))


@pytest.mark.parametrize("resample", ["box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [8, 20, 50])
def test_a_whole_image_is_resized_as_pillow_does(resample, size):
    image = noise(20, 20)
    expected = image.resize((size, size), Image.Resampling[resample.upper()])
    found = resized(image, Box(0, 0, 20, 20), size, 3, resample)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.transpose(1, 2, 0), np.asarray(expected))


@given(left=st.integers(0, 14), top=st.integers(0, 6), side=st.integers(1, 14))
def test_a_region_that_keeps_its_size_is_cut_out_to_the_pixel(left, top, side):
    image = noise(28, 20)
    cut = resized(image, Box(left, top, side, side), side, 3, "bicubic")
    np.testing.assert_array_equal(cut.transpose(1, 2, 0), np.asarray(image)[top : top + side, left : left + side])


def test_a_box_filter_takes_the_mean_of_the_pixels_in_the_region():
    image = noise(30, 20)
    halved = resized(image, Box(4, 2, 16, 16), 8, 3, "box")
    region = np.asarray(image)[2:18, 4:20].astype(float)
    means = region.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(halved, means, atol=1)  # Pillow rounds across, and then down


def test_one_channel_is_the_luma_of_three():
    image = noise(20, 20)
    grey = resized(image, Box(0, 0, 20, 20), 20, 1, "bicubic")
    assert grey.shape == (1, 20, 20)
    weights = [0.299, 0.587, 0.114]  # ITU-R 601-2, what Pillow's mode L is
    np.testing.assert_allclose(grey[0], np.asarray(image) @ weights, atol=1)


def test_a_grey_image_has_three_equal_channels_where_three_are_asked_for():
    coloured = resized(noise(20, 20).convert("L"), Box(0, 0, 20, 20), 8, 3, "bicubic")
    assert coloured.shape == (3, 8, 8)
    np.testing.assert_array_equal(coloured[0], coloured[1])
    np.testing.assert_array_equal(coloured[0], coloured[2])


@pytest.mark.parametrize("side", [64, 128, 133, 200])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos"])
def test_half_of_a_region_is_the_central_64_of_its_128_pixels(side, resample):
    image = noise(260, 250)
    box = Box(31, 17, side, side)
    stored = resized(image, box, 128, 3, resample).astype(int)
    central = resized(image, box, 64, 3, resample, 0.5)
    assert np.abs(stored[:, 32:96, 32:96] - central).max() <= 1


# ---- the decoder's own reduction

FILTERS = ["bilinear", "bicubic", "lanczos"]
PHOTOGRAPHS = Path(__file__).parents[2] / "../shared/data/photos/imagenet"


def scene(seed, width=640, height=480, **options):
    """A file of what photographs are made of: amplitudes that fall as 1/f, and sharp edges (Field 1987)."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.fft.rfftfreq(width), np.fft.fftfreq(height))
    falling = 1 / np.maximum(np.hypot(across, down), 1 / width)
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(3, height, width))) * falling, s=(height, width))
    noise = noise.mean(axis=0) + 0.3 * noise  # the colours go together
    pixels = 128 + 45 * noise / noise.std()
    for _ in range(12):
        left, top = rng.integers(0, width - 80), rng.integers(0, height - 80)
        pixels[:, top : top + rng.integers(8, 80), left : left + rng.integers(8, 80)] += rng.normal(0, 60)
    file = io.BytesIO()
    image = Image.fromarray(pixels.transpose(1, 2, 0).clip(0, 255).astype(np.uint8))
    image.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


def fidelity(data, reduction, resample):
    """PSNR in dB of the centred square at the largest size for which a reduction is used, against the whole decode."""
    whole, reduced = (decode_reduced(data, Limits(), step) for step in (1, reduction))
    box = centred_square(*whole.size)
    size = int(box.width / (2.5 * reduction))
    assert jpeg_reduction(box.width, size, resample) == reduction
    one, other = (np.asarray(resize_region(d, box, size, resample).convert("RGB"), float) for d in (whole, reduced))
    return 10 * np.log10(255**2 / np.mean((one - other) ** 2))


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 60}])
@pytest.mark.parametrize("reduction", [2, 4])
def test_a_reduced_decode_is_the_same_to_the_eye(resample, options, reduction):
    assert min(fidelity(scene(seed, **options), reduction, resample) for seed in range(2)) > 42


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the photographs of ../shared/data")
@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("reduction", [2, 4])
def test_a_reduced_decode_of_real_photographs_is_as_the_page_says(resample, reduction):
    files = [path.read_bytes() for path in sorted(PHOTOGRAPHS.glob("*.JPEG"))]
    found = [fidelity(data, reduction, resample) for data in files]
    assert min(found) > 42
    assert np.median(found) > 48


@given(side=st.integers(1, 5000), target=st.integers(4, 256), resample=st.sampled_from(FILTERS))
def test_the_decoder_leaves_two_and_a_half_pixels_for_one(side, target, resample):
    reduction = jpeg_reduction(side, target, resample)
    assert reduction == 1 or side / reduction >= 2.5 * target
    assert reduction == 4 or side / (2 * reduction) < 2.5 * target


def test_the_box_filter_is_given_every_pixel():
    assert jpeg_reduction(10_000, 4, "box") == 1


@pytest.fixture
def scenes(tmp_path):
    """Two photographs of 640 x 480, one of them turned by its EXIF tag."""
    turned = Image.Exif()
    turned[0x0112] = 6
    for k, options in enumerate([{}, {"exif": turned}]):
        (tmp_path / "scenes").mkdir(exist_ok=True)
        (tmp_path / f"scenes/{k}.jpg").write_bytes(scene(k, **options))
    return open_source(str(tmp_path / "scenes"))


def cut_out(source, boxes, work, **settings):
    """Cut the boxes out of every image of a source: images, thumbnails."""
    regions = find_regions(source, FacesSettings(), LOCAL)
    columns = ["left", "top", "width", "height"]
    regions = pd.concat([regions.assign(**dict(zip(columns, box, strict=True))) for box in boxes])
    regions = regions.sort_values("source_row", kind="stable", ignore_index=True)
    result = crop_and_resize(source, regions, SMALL.model_copy(update=settings), LOCAL, work)
    return pixels(result.images), pixels(result.thumbnails)


def test_a_region_is_the_same_whatever_others_its_photograph_has(scenes, tmp_path):
    large, middle, small = (10, 20, 460, 460), (30, 0, 200, 200), (101, 57, 90, 90)
    images, thumbnails = cut_out(scenes, [large, small, middle], tmp_path / "together")
    for k, box in enumerate([large, small, middle]):
        alone = cut_out(scenes, [box], tmp_path / f"alone{k}")
        np.testing.assert_array_equal(images[[k, k + 3]], alone[0])
        np.testing.assert_array_equal(thumbnails[[k, k + 3]], alone[1])
    for shard in (1, 2, 5):
        again = cut_out(scenes, [large, small, middle], tmp_path / "together", images_per_shard=shard)
        np.testing.assert_array_equal(images, again[0])
        np.testing.assert_array_equal(thumbnails, again[1])


def test_a_fast_decode_is_used_where_it_may_be_and_only_there(scenes, tmp_path):
    boxes = [(10, 20, 460, 460), (101, 57, 90, 90)]
    fast = cut_out(scenes, boxes, tmp_path / "fast")
    whole = cut_out(scenes, boxes, tmp_path / "whole", fast_decode=False)
    for one, other in zip(fast, whole, strict=True):
        differences = np.abs(one.astype(int) - other).max(axis=(1, 2, 3))
        assert (differences[[0, 2]] > 0).all()  # another computation
        assert (differences[[0, 2]] < 40).all()  # of the same place
        assert (differences[[1, 3]] == 0).all()  # too small to be reduced
    for row in range(2):
        image = decode_image(scenes.read(row), scenes.limits)
        np.testing.assert_array_equal(whole[0][2 * row], resized(image, Box(*boxes[0]), 12, 3, "bicubic"))


def test_a_large_photograph_that_is_cut_short_is_rejected(scenes, tmp_path):
    path = tmp_path / "scenes/0.jpg"
    path.write_bytes(path.read_bytes()[:-2000])
    result = made(open_source(str(tmp_path / "scenes")), tmp_path / "work")
    assert result.rejected["reason"].str.startswith("cut short: ").tolist() == [True]
    assert result.records["source"].tolist() == ["1.jpg"]


@pytest.mark.parametrize(("size", "channels"), [(32, 3), (32, 1), (16, 3)])
def test_thumbnails_are_32_pixels_of_colour_whatever_the_images_are(scenes, tmp_path, size, channels):
    images, thumbnails = cut_out(scenes, [(0, 0, 100, 100)], tmp_path / "work", image_size=size, channels=channels)
    assert images.shape == (2, channels, size, size)
    assert images.flags.c_contiguous
    for row in range(2):
        image = decode_image(scenes.read(row), scenes.limits)
        np.testing.assert_array_equal(thumbnails[row], resized(image, Box(0, 0, 100, 100), 32, 3, "bicubic"))


# ---- a whole source


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_row_i_is_the_region_that_record_i_names(photos, tmp_path, channels, fraction):
    source = open_source(str(photos))
    settings = PreprocessSettings(image_size=12, channels=channels, crop_fraction=fraction, resample="lanczos")
    result = made(source, tmp_path / "work", settings)
    images, thumbnails = pixels(result.images), pixels(result.thumbnails)
    assert images.shape == (6, channels, 12, 12)
    assert thumbnails.shape == (6, 3, 32, 32)
    assert images.dtype == thumbnails.dtype == np.uint8
    assert result.records["row"].tolist() == list(range(6))
    for record in result.records.itertuples():
        image = decode_image(source.read(record.source_row), source.limits)
        box = Box(record.left, record.top, record.width, record.height)
        expected = resized(image, box, 12, channels, "lanczos", fraction)
        np.testing.assert_array_equal(images[record.row], expected)
        np.testing.assert_array_equal(thumbnails[record.row], resized(image, box, 32, 3, "lanczos", fraction))


def test_the_records_say_where_each_image_came_from(photos, tmp_path):
    source = open_source(str(photos))
    records = made(source, tmp_path / "work").records
    columns = ["row", "source_row", "source", "label", "class", "left", "top", "width", "height", "colours"]
    assert list(records.columns) == columns
    assert [str(records[name].dtype) for name in columns] == [
        "int64",
        "int64",
        "str",
        "int64",
        "category",
        *["int64"] * 4,
        "category",
    ]
    assert set(records["colours"]) == {"as stored"}
    assert records["source"].tolist() == list(source.names)
    assert records["label"].tolist() == source.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert tuple(records["class"].cat.categories) == source.classes
    assert records["class"].tolist() == [source.classes[label] for label in source.labels]


def test_records_of_images_without_classes_come_back_from_their_file(photos, tmp_path):
    records = made(open_source(str(photos / next(iter(photos.iterdir())).name)), tmp_path / "work").records
    TableDataset(filepath=tmp_path / "records.parquet").save(records)
    found = TableDataset(filepath=tmp_path / "records.parquet").load()
    pd.testing.assert_frame_equal(found.drop(columns="class"), records.drop(columns="class"))
    assert list(found["class"].cat.categories) == []
    assert found["class"].isna().all()


def test_several_regions_of_one_image_are_several_rows(photos, tmp_path):
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL)
    corner = regions.assign(left=0, top=0, width=8, height=8)
    both = pd.concat([regions, corner]).sort_values("source_row", kind="stable", ignore_index=True)
    result = crop_and_resize(source, both, SMALL, LOCAL, tmp_path / "work")
    assert result.records["source_row"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    image = decode_image(source.read(2), source.limits)
    expected = resized(image, Box(0, 0, 8, 8), 12, 3, "bicubic")
    np.testing.assert_array_equal(pixels(result.images)[5], expected)


def test_every_region_is_a_record_or_a_rejection(broken_photos, tmp_path):
    source = open_source(str(broken_photos))
    faces = FacesSettings(min_side=17)
    regions = find_regions(source, faces, LOCAL)
    result = made(source, tmp_path / "work", faces=faces)
    accounted = Counter(result.records["source_row"]) + Counter(result.rejected["source_row"])
    assert accounted == Counter(regions["source_row"])
    rejected = result.rejected
    assert list(rejected.columns) == ["source_row", "source", "stage", "reason", "left", "top", "width", "height"]
    assert rejected["source"].tolist() == ["cat/1a.png", "dog/0a.png", "dog/1.png"]
    assert rejected["stage"].tolist() == ["faces", "preprocess", "faces"]
    assert rejected["reason"][0] == "not an image"
    assert rejected["reason"][1].startswith("cut short: ")
    assert rejected["reason"][2] == "too small: 16 pixels, and min_side is 17"


def test_a_broken_image_in_the_middle_leaves_the_others_as_they_are(photos, tmp_path):
    whole = made(open_source(str(photos)), tmp_path / "one")
    data = (photos / "cat/2.png").read_bytes()
    (photos / "cat/2.png").write_bytes(data[: len(data) // 2])
    broken = made(open_source(str(photos)), tmp_path / "two")
    np.testing.assert_array_equal(pixels(broken.images), np.delete(pixels(whole.images), 2, axis=0))
    assert broken.rejected["source"].tolist() == ["cat/2.png"]


@pytest.mark.parametrize("images_per_shard", [1, 2, 3])
def test_the_size_of_a_shard_changes_nothing(broken_photos, tmp_path, images_per_shard):
    source = open_source(str(broken_photos))
    one = made(source, tmp_path / "one")
    settings = SMALL.model_copy(update={"images_per_shard": images_per_shard})
    assert_same(one, made(source, tmp_path / "other", settings))


def test_a_shard_of_which_every_image_was_rejected_is_left_out(broken_photos, tmp_path):
    settings = SMALL.model_copy(update={"images_per_shard": 1})
    result = made(open_source(str(broken_photos)), tmp_path / "work", settings)
    assert [len(np.load(file)) for file in result.images.files] == [1] * 6
    assert len(result.thumbnails.files) == 6


def test_a_pool_of_processes_gives_the_same_images(broken_photos, tmp_path):
    source, settings = open_source(str(broken_photos)), SMALL.model_copy(update={"images_per_shard": 2})
    pool = made(source, tmp_path / "pool", settings, EngineSettings(name="processes", workers=2))
    assert_same(pool, made(source, tmp_path / "local", settings))


def test_a_folder_a_zip_and_a_tar_of_the_same_files_give_the_same_images(photos, tmp_path, make_zip, make_tar):
    files = [(str(path.relative_to(photos)), path.read_bytes()) for path in sorted(photos.rglob("*.png"))]
    results = [
        made(open_source(str(path)), tmp_path / path.name[-3:]) for path in (photos, make_zip(files), make_tar(files))
    ]
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def test_an_image_whose_name_is_no_text_is_recorded(photos, tmp_path, make_tar):
    source = open_source(str(make_tar([("\udcff.png", (photos / "cat/0.png").read_bytes())])))
    records = made(source, tmp_path / "work").records
    records.to_parquet(tmp_path / "records.parquet")
    assert pd.read_parquet(tmp_path / "records.parquet")["source"].tolist() == [r"\xff.png"]


# ---- ids


def test_all_results_carry_one_id_that_depends_on_images_boxes_and_settings(photos, tmp_path):
    source = open_source(str(photos))
    result = made(source, tmp_path / "work")
    ids = {part.attrs[ID] for part in (result.images, result.thumbnails, result.records, result.rejected)}
    assert len(ids) == 1
    ids.add(made(source, tmp_path / "again").images.attrs[ID])
    assert len(ids) == 1
    ids.add(made(source, tmp_path / "work", SMALL.model_copy(update={"resample": "box"})).images.attrs[ID])
    ids.add(made(source, tmp_path / "work", faces=FacesSettings(min_side=17)).images.attrs[ID])
    (photos / "cat/0.png").write_bytes((photos / "cat/1.png").read_bytes())
    ids.add(made(open_source(str(photos)), tmp_path / "work").images.attrs[ID])
    assert len(ids) == 4


# ---- going on


def test_a_second_run_keeps_whole_shards_and_makes_the_missing_ones(broken_photos, tmp_path):
    source, settings = open_source(str(broken_photos)), SMALL.model_copy(update={"images_per_shard": 2})
    reference = made(source, tmp_path / "reference", settings)
    first = made(source, tmp_path / "work", settings)
    files = sorted(first.images.files[0].parent.iterdir())
    for lost in ("images-00001.npy", "thumbnails-00002.npy", "records-00003.parquet"):
        (files[0].parent / lost).unlink()
    kept = {path: path.stat().st_mtime_ns for path in files if "00000" in path.name}
    assert_same(made(source, tmp_path / "work", settings), reference)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


def test_a_run_goes_on_after_its_images_were_moved_to_their_place(photos, tmp_path):
    source = open_source(str(photos))
    reference = made(source, tmp_path / "reference")
    for file in made(source, tmp_path / "work").images.files:
        file.unlink()
    assert_same(made(source, tmp_path / "work"), reference)


KILLED = """
import pickle, sys
from pathlib import Path
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.crop import crop_and_resize
source, regions, settings = pickle.load(open(sys.argv[1], "rb"))
crop_and_resize(source, regions, settings, EngineSettings(), Path(sys.argv[2]))
"""


def test_a_run_that_was_killed_goes_on_to_the_same_result(tmp_path):
    source = SubsetSource(open_source("sklearn://digits"), np.arange(0, 1797, 6))
    regions = find_regions(source, FacesSettings(), LOCAL)
    settings = PreprocessSettings(image_size=12, channels=1, images_per_shard=2)
    (tmp_path / "job.pickle").write_bytes(pickle.dumps((source, regions, settings)))
    work = tmp_path / "work"
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "job.pickle", work], stdout=subprocess.DEVNULL)
    while process.poll() is None and len(list(work.glob("*/records-*"))) < 5:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    whole = {path: path.stat().st_mtime_ns for path in work.glob("*/records-*")}
    assert 5 <= len(whole) < len(source) // 2

    result = crop_and_resize(source, regions, settings, LOCAL, work)

    assert whole == {path: path.stat().st_mtime_ns for path in whole}
    assert_same(result, crop_and_resize(source, regions, settings, LOCAL, tmp_path / "reference"))


def test_runs_side_by_side_leave_each_others_work_alone(photos, tmp_path):
    source, work = open_source(str(photos)), tmp_path / "work"
    settings = PreprocessSettings(image_size=8, images_per_shard=2)
    one = made(source, work, settings)
    made(source, work, settings.model_copy(update={"image_size": 16}))
    assert_same(one, made(source, tmp_path / "alone", settings))


def test_the_work_folder_is_left_without_partial_files(photos, tmp_path):
    made(open_source(str(photos)), tmp_path / "work")
    assert not [path for path in (tmp_path / "work").rglob("*") if path.name.startswith(".partial")]
    assert os.listdir(tmp_path / "work")


# ---- what is refused


def test_regions_of_another_source_are_refused(photos, tmp_path, make_zip):
    regions = find_regions(open_source(str(photos)), FacesSettings(), LOCAL)
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    data = (photos / "cat/0.png").read_bytes()
    others = {
        "shorter": names[:3],
        "longer": [*names, "zebra/1.png"],
        "another name at the end": [*names[:-1], "other.png"],
        "another name in the middle": [names[0], "other.png", *names[2:]],
    }
    for wrong in others.values():
        source = open_source(str(make_zip([(name, data) for name in wrong])))
        with pytest.raises(InputError, match=r"must be of the images of .*; run `kedro run --pipeline=faces` again"):
            crop_and_resize(source, regions, SMALL, LOCAL, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_source_without_a_usable_image_is_an_input_error_that_counts_the_reasons(photos, tmp_path):
    for path in photos.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-100])
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL)
    assert regions["kept"].all()
    with pytest.raises(InputError, match=r"of the 6 regions of .* none was \(6 x cut short\); check the source"):
        crop_and_resize(source, regions, SMALL, LOCAL, tmp_path / "work")


def test_regions_of_which_none_is_kept_are_an_input_error(photos, tmp_path):
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL).assign(kept=False, reason="too small: by hand")
    with pytest.raises(InputError, match=r"none was \(6 x too small\)"):
        crop_and_resize(source, regions, SMALL, LOCAL, tmp_path / "work")


def test_a_shard_larger_than_2_gib_is_refused():
    with pytest.raises(InputError, match=r"a shard must stay under 2 GiB, got 3\.0 GiB .*lower images_per_shard"):
        PreprocessSettings.parse({"image_size": 512, "images_per_shard": 4096}, "preprocess")
