"""LMDBs in LSUN's form; a cut one must not kill the process."""

import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError, LmdbSource

lmdb = pytest.importorskip("lmdb", reason="the lmdb extra is not installed")


def write(folder, entries):
    with lmdb.open(str(folder), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for key, value in entries.items():
            transaction.put(key, value)
    return folder


@pytest.fixture
def pile(tmp_path):
    return write(tmp_path / "church_lmdb", {b"%03d" % k: bytes([k]) * (k * 300) for k in range(1, 40)})


def test_the_values_of_an_lmdb_are_images_in_the_order_of_their_keys(pile):
    source = open_source(str(pile))
    assert isinstance(source, LmdbSource)
    assert list(source.names) == [f"{k:03}" for k in range(1, 40)]
    assert [source.read(row) for row in (38, 0)] == [bytes([39]) * 39 * 300, b"\1" * 300]
    assert source.classes == ()
    assert set(source.labels) == {-1}


@given(entries=st.dictionaries(st.binary(min_size=1, max_size=40), st.binary(max_size=40), min_size=1, max_size=8))
def test_keys_may_be_any_bytes(tmp_path_factory, entries):
    source = LmdbSource(str(write(tmp_path_factory.mktemp("lmdb"), entries)), Limits())
    assert {source.names.encoded(row): source.read(row) for row in range(len(source))} == entries
    for name in source.names:
        name.encode("utf-8")


def test_an_lmdb_is_read_by_several_sources_at_once_and_left_as_it_is(pile):
    (pile / "lock.mdb").unlink()
    before = (pile / "data.mdb").read_bytes()
    first, second = open_source(str(pile)), open_source(str(pile))
    assert first.read(3) == second.read(3)
    assert first.fingerprint() == second.fingerprint()
    assert os.listdir(pile) == ["data.mdb"]
    assert (pile / "data.mdb").read_bytes() == before


def test_an_lmdb_is_read_after_pickling_in_another_process(pile, tmp_path):
    source = open_source(str(pile))
    source.read(1)
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    read = "import pickle, sys; s = pickle.load(open(sys.argv[1], 'rb')); sys.stdout.buffer.write(s.read(1))"
    done = subprocess.run([sys.executable, "-c", read, tmp_path / "source.pickle"], check=True, capture_output=True)
    assert done.stdout == source.read(1)


def test_a_value_larger_than_the_limit_is_rejected(pile):
    source = open_source(str(pile), Limits(max_bytes=600))
    assert source.read(1) == b"\2" * 600
    with pytest.raises(ImageError, match="file too large: 900 bytes, and max_bytes is 600"):
        source.read(2)


def test_a_fingerprint_changes_when_a_value_does(pile):
    first = open_source(str(pile)).fingerprint()
    write(pile, {b"001": b"another"})
    assert open_source(str(pile)).fingerprint() != first


def test_a_key_that_has_gone_is_rejected(pile):
    source = open_source(str(pile))
    with lmdb.open(str(pile), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        transaction.delete(b"001")
    with pytest.raises(ImageError, match="its key has gone"):
        source.read(0)


@pytest.mark.parametrize("part", [0, 0.001, 0.1, 0.5, 0.99])
def test_an_lmdb_that_is_cut_short_is_an_input_error_and_not_the_end_of_the_process(pile, part):
    data = (pile / "data.mdb").read_bytes()
    (pile / "data.mdb").write_bytes(data[: int(part * len(data))])
    with pytest.raises(InputError, match="an LMDB must be whole"):
        open_source(str(pile))


def test_an_lmdb_that_is_cut_after_it_was_listed_is_an_input_error(pile):
    source = open_source(str(pile))
    os.truncate(pile / "data.mdb", 8192)
    with pytest.raises(InputError, match=r"cut short: data\.mdb has 8192 of \d+ bytes"):
        source.read(30)


def test_a_file_that_is_no_lmdb_is_an_input_error(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match=r"an LMDB must be whole, and .* cannot be opened"):
        open_source(str(tmp_path))


def test_an_lmdb_without_values_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="must hold at least one file"):
        open_source(str(write(tmp_path / "empty", {})))


def test_without_its_package_the_extra_is_named(pile, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(InputError, match=r"needs a package that is not installed; pip install lmdb"):
        open_source(str(pile))
