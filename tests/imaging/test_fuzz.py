"""Thousands of broken and odd images and archives; benchmarks/fuzz.py makes them, and runs many more."""

import subprocess
import sys
from collections import Counter

import fuzz
import numpy as np
import odd_archives
import odd_images
import pytest
import yaml
from PIL import Image

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.sources import ImageError

COUNT = 2000


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return fuzz.pixels_alone(tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def pile(tmp_path_factory):
    return fuzz.write_pile(
        [*odd_images.good_images(), *odd_images.images(COUNT, 0)], tmp_path_factory.mktemp("fuzz") / "pile"
    )


@pytest.fixture(scope="module")
def outcome(pile):
    """What the stages' functions make of the pile, in a pool: a decoder that crashed would be an InputError."""
    return fuzz.through_the_stages(pile, pile.parent / "work", EngineSettings(name="processes", workers=2))


def test_every_file_is_made_or_rejected_with_a_reason(pile, outcome):
    names = sorted(path.relative_to(pile).as_posix() for path in pile.rglob("*") if path.is_file())
    assert len(names) == COUNT + 40
    accounted = [name for name, _ in outcome.made()] + [name for name, _ in outcome.reasons()]
    assert sorted(accounted) == names
    assert all(reason and "\n" not in reason for _, reason in outcome.reasons())


def test_good_images_are_what_they_are_alone(outcome, alone):
    fuzz.check_good(outcome, alone)


def test_images_that_are_only_odd_are_made(outcome):
    rejected = [(name.split("/")[0], reason) for name, reason in outcome.reasons()]
    reasons = {reason.split(":")[0] for kind, reason in rejected if kind in ("every_mode", "wrong_ending")}
    assert reasons == {"pixels of an unknown range"}  # 32-bit integers and floats
    assert not {"1_x_N", "odd_EXIF"} & {kind for kind, _ in rejected}


def test_what_is_no_image_or_too_large_is_never_made(outcome):
    made = Counter(name.split("/")[0] for name, _ in outcome.made())
    # A codestream's first bytes and zeros may be a whole image of a few formats without checksums.
    assert made["no_image"] <= 2
    reasons = {reason.split(":")[0] for name, reason in outcome.reasons() if name.startswith("bomb/")}
    assert reasons >= {"too many pixels", "too many scans", "too many comments", "file too large"}


def test_a_whole_run_of_the_three_stages_makes_the_same(project, pile, outcome):
    """Through the real session, as a user would start it."""
    catalog = yaml.safe_load((project.path / "conf/base/catalog.yml").read_text())
    entry = {**catalog["raw_images"], "limits": fuzz.LIMITS.model_dump()}
    (project.path / "conf/local/catalog.yml").write_text(yaml.safe_dump({"raw_images": entry}))
    settings = fuzz.SETTINGS.model_dump()
    (project.path / "conf/local/parameters_preprocess.yml").write_text(yaml.safe_dump({"preprocess": settings}))
    engine = {"name": "processes", "workers": 2}
    project.run("faces,preprocess,dedup", params={"source": str(pile), "engine": engine})
    images, records, rejected = (project.load(name) for name in ("images", "records", "rejected"))
    assert list(records["source"]) == [name for name, _ in outcome.made()]
    assert np.array_equal(images[:], np.stack([pixels for _, pixels in outcome.made()]))
    assert list(zip(rejected["source"], rejected["reason"], strict=True)) == outcome.reasons()
    assert project.load("duplicates").attrs["images"] == len(images)


def test_a_file_cut_short_never_gives_other_pixels():
    for ending, data in odd_images.every_format_and_mode():
        try:
            whole = np.asarray(decode_image(data, fuzz.LIMITS))
        except ImageError:
            continue
        places = {*range(0, len(data), 41), *odd_images.seams(data), *range(len(data) - 3, len(data))}
        for at in places:
            try:
                cut = np.asarray(decode_image(data[:at], fuzz.LIMITS))
            except ImageError:
                continue
            assert np.array_equal(cut, whole), f"{ending} cut at {at} of {len(data)}"


def test_archives_are_read_in_place_or_refused_in_one_line(tmp_path):
    alone = fuzz.pixels_alone(tmp_path / "alone", 6)
    folder, work = tmp_path / "a/b/c", tmp_path / "work"
    folder.mkdir(parents=True)
    read: Counter[str] = Counter()
    for number, made in enumerate(odd_archives.archives(120, 0)):
        path = folder / made.name
        path.write_bytes(made.data)
        outcome = fuzz.read_or_refused(path, work / str(number))
        if outcome is not None:
            read[made.kind] += 1
            if fuzz.leaves_good_images_alone(made):
                fuzz.check_good(outcome, alone)
        assert path.read_bytes() == made.data, made.name
        path.unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "alone", "work"}  # nothing was unpacked above
    assert [path for path in (tmp_path / "a").rglob("*") if path.is_file()] == []
    odd = [
        "zip odd name",
        "zip same names",
        "zip bomb",
        "zip64",
        "zip link",
        "zip method",
        "tar odd name",
        "tar nested",
    ]
    assert all(read[kind] for kind in [*odd, "tar same names", "tar link or device", "tar sparse"])
    assert read["zip cut"] == read["tar without its end"] == read["tar bomb"] == 0


MEMORY = """
import re, sys
from pathlib import Path
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import FolderSource, ImageError

def most(folder):
    source = FolderSource(folder, Limits(max_pixels=1_000_000, max_bytes=4 * 1024**2))
    for row in range(len(source)):
        try:
            decode_image(source.read(row), source.limits)
        except ImageError:
            pass
    # KiB of all that was ever in use; getrusage would count the parent's, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

usual = most(sys.argv[1])
print(most(sys.argv[2]) - usual)
"""


def test_a_bomb_takes_no_more_memory_than_the_limits_allow(tmp_path):
    """Some of them would take gigabytes; the reader's peak may grow by a few images of a million pixels."""
    largest = [
        odd_images.Made("good", f"largest.{ending}", odd_images.encode(Image.new("RGBA", (1000, 1000)), name))
        for name, ending in (("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"))
    ]
    usual = fuzz.write_pile([*odd_images.good_images(), *largest], tmp_path / "usual")
    kinds = ("bomb", "huge or empty header", "extreme number")
    bombs = fuzz.write_pile((made for made in odd_images.images(2000, 0) if made.kind in kinds), tmp_path / "bombs")
    run = subprocess.run([sys.executable, "-c", MEMORY, usual, bombs], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 32 * 1024
