"""Where MLflow may be: at an address at which there can be one."""

import sqlite3
from contextlib import closing

import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.tracking.store import Store, check_address


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("mlruns", "got the folder mlruns, .*; write sqlite:///mlruns/mlflow.db"),
        ("./mlflow.db", "got the folder ./mlflow.db, .*; write sqlite:///mlflow.db"),
        ("file:///a/my%20runs", "write sqlite:////a/my runs/mlflow.db"),
        ("sqlite://", "that outlives the run, got sqlite://; name its file: sqlite:///mlflow.db"),
        ("sqlite:///:memory:", "that outlives the run"),
        ("http://127.0.0.1:99999", r"got http://127.0.0.1:99999 \(Port out of range"),
        ("http://127.0.0.1:5000x", r"got http://127.0.0.1:5000x \(Port could not be cast"),
        ("http://", "got http://; correct it"),
        ("localhost:5000", "got localhost:5000; correct it"),
        ("127.0.0.1:5000", "got 127.0.0.1:5000; correct it"),
        ("foo://bar", "got foo://bar; correct it"),
    ],
)
def test_an_address_at_which_there_can_be_no_mlflow_is_refused(address, fix):
    for refuse in (check_address, lambda uri: Store(uri).connect()):
        with pytest.raises(InputError, match=rf"^MLflow's address .* must be that of a server.*{fix}"):
            refuse(address)


def test_what_may_be_there_is_left_to_mlflow():
    for address in ("http://host:5000/path", "sqlite:///a.db", "postgresql+psycopg://host/db", "databricks"):
        check_address(address)


def test_a_folder_is_one_where_mlflow_is_told_to_write_folders(monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    check_address("mlruns")


def test_who_is_nothing_without_mlflow_is_told_in_one_line(tmp_path, empty_database):
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_database)
    store = Store(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            InputError, match=r"^MLflow must be within reach to drop runs, and is not \(database is locked"
        ):
            store.must_connect("to drop runs")
    assert store.must_connect("to drop runs").search_experiments()
    with pytest.raises(InputError, match=r"and is not \(nothing answers at 127.0.0.1:1: "):
        Store("http://127.0.0.1:1").must_connect("to drop runs")


def test_a_database_whose_package_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"^mssql needs its package \(No module named 'pyodbc'\); install it"):
        Store("mssql://host/db").connect()
