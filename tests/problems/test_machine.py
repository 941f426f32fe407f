"""A full disk, a path that is refused and a lack of memory, as the libraries say it."""

import errno
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.problems import explain
from dcgan_pipeline.problems.machine import path_problem

SAVES = {
    "NumPy": lambda file: np.save(file, np.zeros(1 << 20)),
    "Python": lambda file: file.write(bytes(1 << 20)),
    "PyArrow": lambda file: pd.DataFrame({"a": np.arange(1 << 20)}).to_parquet(file),
}


def save_to_full_disk(save):
    with open("/dev/full", "wb") as file:  # takes nothing; never by its name, which PyArrow would remove
        save(file)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize("library", SAVES)
def test_a_full_disk_is_named_with_what_is_free(said, library):
    message = said(save_to_full_disk, SAVES[library])
    assert message.startswith("error: the disk must have room for what is written, and ")
    assert " MiB are free at " in message
    assert "what was made before is kept" in message


def test_a_file_in_the_place_of_a_folder_is_named(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("")
    for make in ((tmp_path / "data").mkdir, (tmp_path / "data/08_reporting").mkdir):
        assert said(make) == (
            "error: data must be a folder, and there is a file of that name; move it away, and run again"
        )


def test_a_folder_in_the_place_of_a_file_is_named(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gan.safetensors").mkdir()
    assert said(Path("gan.safetensors").read_bytes).startswith("error: gan.safetensors must be a file, and there is a")


def test_a_path_that_is_refused_is_named_with_its_owner(tmp_path):
    refused = path_problem(errno.EACCES, tmp_path / "no/such/file")
    assert f"the permissions of {tmp_path}, which belongs to " in refused
    assert "read-only" in path_problem(errno.EROFS, tmp_path)
    assert path_problem(errno.ENOENT, tmp_path) is None


def test_a_database_that_cannot_be_written_is_told(said, tmp_path):
    path = tmp_path / "a.db"
    sqlite3.connect(path).execute("create table a (b)").connection.commit()
    read_only = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert "mlflow.db" in said(read_only.execute, "insert into a values (1)")


@pytest.mark.parametrize("library", [np, torch], ids=["NumPy", "PyTorch"])
def test_a_lack_of_memory_is_told(said, library):
    assert said(library.empty, 10**15).startswith("error: memory must suffice for what a stage holds at once")


def test_a_fault_of_the_product_keeps_its_traceback(said):
    assert said(lambda: {}["a"]) is None
    assert said(lambda: np.zeros(3).reshape(2)) is None
    assert said(lambda: open("no/such/file")) is None  # noqa: SIM115


def test_what_was_being_handled_when_another_error_came_does_not_hide_it(tmp_path):
    def fault():
        try:
            (tmp_path / "a").touch()
            (tmp_path / "a/b").mkdir()
        except OSError:
            {}["fault"]

    with pytest.raises(KeyError) as found:
        fault()
    assert explain(found.value) is None
