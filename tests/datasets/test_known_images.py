import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError

from dcgan_pipeline.arrays import ArrayChunks, write_shards
from dcgan_pipeline.datasets.known_images import KnownImagesDataset
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Write a version of codes and, unless told otherwise, of what they are of."""

    def make(version, images_id, encoder="e", complete=True):
        for name, attrs in {"codes": {"hash_encoder": encoder}, "thumbnails": {}}.items():
            if complete or name == "codes":
                data = ArrayChunks([np.full((3, 2), len(version), np.uint8)], {"images_id": images_id, **attrs})
                write_shards(data, tmp_path / name / version / name, 2)
        if complete:
            table = pd.DataFrame({"source": [f"{version}-{k}" for k in range(3)]})
            table.attrs = {"images_id": images_id}
            TableDataset(filepath=str(tmp_path / "records.parquet" / version / "records.parquet")).save(table)

    return make


@pytest.fixture
def known(tmp_path):
    places = {name: tmp_path / name for name in ("codes", "thumbnails", "images")}
    return KnownImagesDataset(**places, records=tmp_path / "records.parquet").load()


def test_sets_of_other_images_by_the_same_encoder_come_oldest_first(write, known):
    write("2026-01", "a")
    write("2026-02", "b", encoder="another")
    write("2026-03", "c")
    write("2026-04", "mine")
    found = known.sets("mine", "e")
    assert [one.name for one in found] == ["2026-01", "2026-03"]
    assert found[1].records["source"].tolist() == ["2026-03-0", "2026-03-1", "2026-03-2"]
    assert found[1].codes.attrs["images_id"] == found[1].thumbnails.attrs["images_id"] == "c"


def test_of_two_versions_of_one_set_the_later_counts(write, known):
    write("2026-01", "a")
    write("2026-02", "a")
    assert [one.name for one in known.sets("mine", "e")] == ["2026-02"]


def test_a_version_that_is_not_whole_is_passed_over(write, known, tmp_path):
    write("2026-01", "a")
    (tmp_path / "codes/2026-02/.partial-1-codes").mkdir(parents=True)
    (tmp_path / "codes/2026-03/codes").mkdir(parents=True)  # without a manifest
    assert [one.name for one in known.sets("mine", "e")] == ["2026-01"]


def test_nothing_known_is_an_empty_list(known):
    assert known.sets("mine", "e") == []


def test_a_set_whose_thumbnails_are_gone_is_one_clear_line(write, known):
    write("2026-01", "a", complete=False)
    with pytest.raises(InputError, match=r"those of hash_codes 2026-01 are gone; bring them back, or remove .*2026-01"):
        known.sets("mine", "e")


def test_known_images_are_never_written(known):
    with pytest.raises(DatasetError, match="read-only"):
        known.save("a set")
