"""MLflow's database file comes into being, and is brought up to date, whole or not at all."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.tracking import database

PREPARE = """
import sys
from pathlib import Path
from dcgan_pipeline.tracking.database import prepare
print("ready", flush=True)
sys.stdin.readline()
prepare(Path(sys.argv[1]))
"""


def preparing(file):
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", PREPARE, str(file)], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def start(process):
    process.stdin.write("\n")
    process.stdin.flush()


def names(file):
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def experiments(file):
    from mlflow import MlflowClient

    return [found.name for found in MlflowClient(f"sqlite:///{file}").search_experiments()]


def change(file, *statements):
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_two_processes_that_start_together_make_one_whole_database(tmp_path):
    file = tmp_path / "my runs" / "mlflow.db"
    processes = [preparing(file) for _ in range(2)]
    for process in processes:
        start(process)
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert experiments(file) == ["Default"]
    assert {path.name for path in file.parent.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_start_leaves_no_database_and_the_next_makes_one(tmp_path, how, empty_database):
    file = tmp_path / "mlflow.db"
    process = preparing(file)
    start(process)
    partial = tmp_path / ".partial-mlflow.db"
    while not (partial.exists() and partial.stat().st_size > 100_000):  # half of the tables
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(how)
    process.communicate()
    assert process.returncode != 0
    assert not file.exists()
    partial.write_bytes(empty_database[:100_000])  # however it is left
    database.prepare(file)
    assert experiments(file) == ["Default"]
    assert not partial.exists()


def test_a_good_database_is_left_alone(tmp_path, empty_database):
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_database)
    before = file.stat()
    database.prepare(file)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert file.read_bytes() == empty_database


def older(file):
    """Make what an MLflow of a year before left, with an experiment in it; gives its revision."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import InitialBase, _get_alembic_config
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{file}")
    InitialBase.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{file}")
    revision = [known.revision for known in ScriptDirectory.from_config(config).walk_revisions()][25]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    now = "(experiment_id, name, artifact_location, lifecycle_stage)"
    change(file, f"INSERT INTO experiments {now} VALUES (5, 'of before', 'somewhere', 'active')")
    return revision


def test_an_older_database_is_brought_up_to_date_in_place_and_kept(tmp_path, caplog):
    file = tmp_path / "mlflow.db"
    revision = older(file)
    with closing(sqlite3.connect(file)) as reader:  # one who has it open sees the new tables too
        assert reader.execute("SELECT name FROM experiments WHERE experiment_id = 5").fetchall() == [("of before",)]
        database.prepare(file)
        assert reader.execute("SELECT version_num FROM alembic_version").fetchall() == [(database._newest(),)]
    assert "of before" in experiments(file)
    kept = tmp_path / f"mlflow.db.{revision}"
    assert kept.exists()
    assert not (tmp_path / ".partial-mlflow.db").exists()
    assert f"{kept.name} is as it was before" in caplog.text


def test_an_interrupted_update_leaves_the_older_database(tmp_path, monkeypatch):
    file = tmp_path / "mlflow.db"
    revision = older(file)
    before = file.read_bytes()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "_put_into", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.prepare(file)
    assert file.read_bytes() == before
    assert database._revision(file) == revision
    database.prepare(file)
    assert "of before" in experiments(file)


def cut_short(file, empty_database):
    """Leave what a migration of a table leaves that was cut short: alembic's copy of the table."""
    older(file)
    change(file, "CREATE TABLE _alembic_tmp_experiments (x)")


def of_two_makers(file, empty_database):
    """Leave what two makers leave: all the tables, and the name of an earlier state."""
    file.write_bytes(empty_database)
    change(file, "UPDATE alembic_version SET version_num = 'cfd24bdc0731'")


@pytest.mark.parametrize("left", [cut_short, of_two_makers])
def test_a_broken_database_is_named_in_one_line_with_the_way_out(tmp_path, empty_database, left):
    file = tmp_path / "mlflow.db"
    left(file, empty_database)
    before = file.read_bytes()
    with pytest.raises(InputError, match="is broken") as raised:
        database.prepare(file)
    text = str(raised.value)
    assert "\n" not in text
    assert "mv mlflow.db mlflow.db.broken" in text
    assert "every result in data/ stays" in text
    assert file.read_bytes() == before


def test_what_is_no_database_and_what_a_newer_mlflow_made_are_named(tmp_path, empty_database):
    file = tmp_path / "mlflow.db"
    file.write_text("no database" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        database.prepare(file)
    file.write_bytes(empty_database)
    change(file, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(InputError, match="has the unknown revision ffffffffffff"):
        database.prepare(file)


def test_an_empty_file_gets_its_tables(tmp_path):
    file = tmp_path / "mlflow.db"
    file.touch()
    database.prepare(file)
    assert {"experiments", "runs"} <= names(file)


def test_a_locked_database_is_said_at_once(tmp_path, empty_database):
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_database)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for look in (database.prepare, database.check_free):
            begun = time.monotonic()
            with pytest.raises(ConnectionError, match="database is locked"):
                look(file)
            assert time.monotonic() - begun < 5


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000", "sqlite:///:memory:", "postgresql://host/x", "sqlite://"])
def test_only_files_are_files(uri):
    assert database.file_of(uri) is None
