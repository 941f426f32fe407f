import glob
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source, source_exists
from dcgan_pipeline.imaging.sources import FolderSource
from dcgan_pipeline.imaging.sources.patterns import Glob, expand_braces, split_glob

FILES = ["a.jpg", "b.png", "x/c.jpg", "x/d.png", "x/y/e.jpg", "x/y/z/f.jpg", "xx/g.jpg", "x/.hidden/h.jpg"]


@pytest.fixture
def tree(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    ["*.jpg", "*", "**/*.jpg", "**", "x/*", "x/**", "x*/*.jpg", "?/*.png", "[xa]/*.jpg", "*/*/*", "**/y/*.jpg"],
)
def test_a_pattern_finds_what_pythons_glob_finds(tree, pattern):
    source = open_source(f"{tree}/{pattern}")
    root = split_glob(f"{tree}/{pattern}").root
    expected = glob.glob(os.path.join(tree, pattern), recursive=True)
    assert sorted(source.names) == sorted(os.path.relpath(path, root) for path in expected if os.path.isfile(path))
    assert isinstance(source, FolderSource)
    for row, name in enumerate(source.names):
        assert source.read(row).decode() == os.path.relpath(os.path.join(root, name), tree)


def test_names_are_relative_to_the_fixed_part_and_in_order(tree):
    assert list(open_source(f"{tree}/x/**/*.jpg").names) == ["c.jpg", "y/e.jpg", "y/z/f.jpg"]


def test_a_folder_with_wildcards_in_its_name_is_that_folder(tree):
    (tree / "photos [2020]*").mkdir()
    (tree / "photos [2020]*" / "a.jpg").write_text("a")
    assert list(open_source(f"{tree}/photos [2020]*").names) == ["a.jpg"]


def test_files_left_out_for_their_capitals_are_counted_as_losses(tree):
    (tree / "x" / "PHOTO.JPG").write_text("")
    (tree / "x" / "notes.txt").write_text("")
    source = open_source(f"{tree}/x/*.jpg")
    counts = {reason.text: (count, reason.is_loss) for reason, count in source.passed_over.items()}
    assert counts["files that the pattern leaves out for their capitals ([jJ][pP][gG] takes both)"] == (1, True)
    assert list(open_source(f"{tree}/x/*.[jJ][pP][gG]").names) == ["PHOTO.JPG", "c.jpg"]


def test_a_pattern_that_nothing_matches_is_an_input_error(tree):
    with pytest.raises(InputError, match=r"must hold at least one file, and .*\*\.gif holds none"):
        open_source(f"{tree}/*.gif")


def test_links_to_folders_are_not_followed_by_a_pattern(tree):
    (tree / "x" / "back").symlink_to(tree)
    assert "back" not in "".join(open_source(f"{tree}/**/*.jpg").names)


def test_a_tree_of_any_depth_is_listed(tmp_path):
    depth = 1200  # beyond Python's own recursion, within a path's length
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)
    assert list(open_source(str(tmp_path)).names) == ["d/" * depth + "a.jpg"]
    os.system(f"rm -r '{tmp_path}/d'")  # deeper than pytest's own cleaning reaches


def test_what_exists_is_known_without_opening_it(tree):
    for name in ("", "a.jpg", "x/*.jpg", "**/f.jpg", "{a,b}.jpg"):
        assert source_exists(f"{tree}/{name}")
    for name in ("none", "x/*.gif", "{c,d}.tar"):
        assert not source_exists(f"{tree}/{name}")
    assert source_exists("s3://bucket/photos")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("photos/**/*.jpg", Glob("photos", "**/*.jpg")),
        ("*.jpg", Glob(".", "*.jpg")),
        ("/*/a", Glob("/", "*/a")),
        ("s3://bucket/a/b?.tar", Glob("s3://bucket/a", "b?.tar")),
        ("https://host/get?file=a.zip", None),
        ("https://host/[ab]/c.jpg", Glob("https://host", "[ab]/c.jpg")),
        ("photos/a.jpg", None),
    ],
)
def test_a_location_is_split_at_its_first_wildcard(location, expected):
    assert split_glob(location) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.tar", ["a.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,,b}", ["a", "", "b"]),
        ("{0..1}-{x,y}", ["0-x", "0-y", "1-x", "1-y"]),
    ],
)
def test_braces_are_written_out_as_a_shell_does(text, expected):
    assert list(expand_braces(text)) == expected


def test_braces_are_written_out_one_at_a_time():
    assert list(itertools.islice(expand_braces("{0..999999999999}{a,b}"), 3)) == ["0a", "0b", "1a"]


@given(first=st.integers(0, 999), count=st.integers(0, 20), width=st.integers(4, 6))
def test_a_range_counts_every_number_once_and_keeps_its_width(first, count, width):
    found = list(expand_braces(f"{{{first:0{width}d}..{first + count:0{width}d}}}"))
    assert [int(number) for number in found] == list(range(first, first + count + 1))
    assert {len(number) for number in found} == {width}
