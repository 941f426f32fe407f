"""Databases that are locked, gone, broken or others; servers that are down; runs that are killed or deleted."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan_pipeline.tracking import log_metrics
from dcgan_pipeline.tracking import run as runs
from dcgan_pipeline.tracking.journal import Journal
from dcgan_pipeline.tracking.recorder import Recorder
from dcgan_pipeline.tracking.sender import Sender
from dcgan_pipeline.tracking.store import Store


@contextmanager
def locked(file):
    """What a database browser does with unsaved changes."""
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def messages(caplog):
    return [line.getMessage() for line in caplog.records if line.name.startswith("dcgan_pipeline")]


def log_points(first, last):
    begun = time.monotonic()
    for step in range(first, last):
        log_metrics({"m": float(step)}, step)
    assert time.monotonic() - begun < 1  # nothing waits


def test_a_locked_database_holds_nothing_up_and_gets_all_in_order(begin, place, curve, caplog):
    run = begin()
    log_points(0, 50)
    with caplog.at_level(logging.WARNING), locked(place.project / "mlflow.db"):
        log_points(50, 100)
        time.sleep(4)  # the sender tries in between
        log_points(100, 150)
    run.finish("FINISHED")
    assert curve(run.run_id, "m") == [(step, float(step)) for step in range(150)]
    warned, well = messages(caplog)
    assert "MLflow cannot be told now: database is locked: " in warned
    assert well == "MLflow can be told again, and has all that was kept for it"
    assert not list(place.outbox.iterdir())


def test_a_run_that_never_reached_mlflow_is_recorded_by_the_next(begin, place, stored, curve, caplog):
    with locked(place.project / "mlflow.db"):
        begun = time.monotonic()
        run = begin(name="first")
        log_points(0, 20)
        run.finish("FINISHED")
        assert time.monotonic() - begun < 30
        assert run.run_id == ""
        assert "keeps the rest, and the next run tells it" in messages(caplog)[-1]
    begin(name="second").finish("FINISHED")
    first, second = stored()
    assert [first.info.run_name, second.info.run_name] == ["first", "second"]
    assert first.info.status == "FINISHED"
    assert first.info.end_time < second.info.start_time
    assert curve(first.info.run_id, "m") == [(step, float(step)) for step in range(20)]
    assert not list(place.outbox.iterdir())


def test_a_database_that_is_away_for_a_while(begin, place, curve):
    run = begin()
    file = place.project / "mlflow.db"
    file.rename(place.project / "away.db")
    log_points(0, 20)
    time.sleep(3)
    assert not file.exists()  # no second one was made, which would have been in the way of the first
    (place.project / "away.db").rename(file)
    run.finish("FINISHED")
    assert curve(run.run_id, "m") == [(step, float(step)) for step in range(20)]


def test_a_new_database_in_the_place_of_another_is_told_all(begin, place, stored, empty_database, caplog):
    run = begin()
    log_points(0, 20)
    time.sleep(2.5)
    (place.project / "mlflow.db").unlink()
    (place.project / "mlflow.db").write_bytes(empty_database)
    log_points(20, 40)
    run.finish("FINISHED")
    from mlflow import MlflowClient

    (again,) = stored()
    points = MlflowClient(place.uri).get_metric_history(again.info.run_id, "m")
    assert [point.step for point in points] == list(range(40))


def test_a_server_that_is_down_ends_nothing_and_is_not_waited_for(begin, place, caplog):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    down = replace(place, uri=f"http://127.0.0.1:{port}", place="there")
    begun = time.monotonic()
    run = begin(down)
    log_points(0, 20)
    run.finish("FINISHED")
    assert time.monotonic() - begun < 20
    assert f"nothing answers at 127.0.0.1:{port}" in messages(caplog)[0]
    assert len(messages(caplog)) == 2
    begin(place).finish("FINISHED")
    assert run.journal.folder.exists()  # another MLflow's: not delivered to this one


def test_a_run_that_was_shot_is_killed_in_mlflow_with_all_that_it_said(begin, place, stored, curve, tmp_path):
    script = f"""
import os, time
from pathlib import Path
from dcgan_pipeline.tracking import log_metrics
from dcgan_pipeline.tracking.run import Target, TrackedRun
target = Target({place.uri!r}, "here", Path({str(place.project)!r}), {place.experiment!r}, "")
run = TrackedRun(target, "shot", dict(run_id="s"))
for step in range(100):
    log_metrics(dict(m=float(step)), step)
print("said", flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "said\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    begin(name="next").finish("FINISHED")
    shot, _ = stored()
    assert (shot.info.run_name, shot.info.status) == ("shot", "KILLED")
    assert curve(shot.info.run_id, "m") == [(step, float(step)) for step in range(100)]


def test_a_run_that_is_made_and_not_known_to_be_is_not_made_twice(begin, place, stored, client):
    run = begin()
    journal = Journal.create(place.outbox, "killed")  # between MLflow's answer and the note of it
    record = {"do": "run", "place": "here", "experiment": place.experiment, "given": None, "name": "x"}
    journal.append({**record, "tags": {"run_id": "killed"}, "time": 12345})
    experiment = client.get_experiment_by_name("curves").experiment_id
    made = client.create_run(experiment, start_time=12345, tags={"run_id": "killed"}, run_name="x")
    at = journal.delivered
    at.experiment_id = experiment
    journal.delivered = at
    journal.release()
    run.finish("FINISHED")
    begin().finish("FINISHED")
    assert stored()[0].info.run_id == made.info.run_id
    assert len(stored()) == 3


def test_a_deleted_run_stays_deleted_and_its_work_goes_on(begin, client, caplog):
    run = begin()
    client.delete_run(run.run_id)
    log_points(0, 5)
    run.finish("FINISHED")
    assert client.get_run(run.run_id).info.lifecycle_stage == "deleted"
    assert messages(caplog) == ["the run was deleted in MLflow; it goes on, and MLflow hears no more of it"]


def test_a_deleted_experiment_comes_back_with_the_next_run(begin, client, stored):
    begin().finish("FINISHED")
    client.delete_experiment(client.get_experiment_by_name("curves").experiment_id)
    run = begin()
    run.finish("FINISHED")
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert client.get_experiment_by_name("curves").lifecycle_stage == "active"


def test_a_project_that_was_moved_finds_its_files(begin, place, monkeypatch):
    from mlflow import MlflowClient

    table = place.project / "table.txt"
    table.write_text("1,2")
    run = begin()
    run.recorder.artifact(table, "tables")
    run.finish("FINISHED")
    moved = place.project.parent / "moved"
    place.project.rename(moved)
    experiment = place.experiment | {"artifact_location": str(moved / "mlartifacts")}
    uri = f"sqlite:///{moved}/mlflow.db"
    there = replace(place, project=moved, uri=uri, experiment=experiment)
    second = begin(there)
    second.recorder.artifact(moved / "table.txt", "tables")
    second.finish("FINISHED")
    for known in (run, second):
        path = MlflowClient(uri).download_artifacts(known.run_id, "tables/table.txt")
        assert Path(path).read_text() == "1,2"
    assert not place.project.exists()


def test_files_that_cannot_be_stored_wait_and_do_not_hold_up_curves(begin, place, curve, client, caplog):
    table = place.project / "table.txt"
    table.write_text("1,2")
    in_the_way = place.project / "mlartifacts"
    in_the_way.write_text("a full or read-only disk gives an OSError too")
    run = begin()
    run.recorder.artifact(table, "tables")
    log_points(0, 5)
    run.finish("FINISHED")
    assert curve(run.run_id, "m") == [(step, float(step)) for step in range(5)]
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert "MLflow cannot be told now" in messages(caplog)[0]
    in_the_way.unlink()
    begin().finish("FINISHED")
    assert [item.path for item in client.list_artifacts(run.run_id, "tables")] == ["tables/table.txt"]


def test_a_file_that_is_gone_is_named(begin, place, caplog):
    run = begin()
    run.recorder.artifact(place.project / "none.txt", "tables")
    run.finish("FINISHED")
    assert "MLflow does not get none.txt: " in messages(caplog)[0]


def test_lines_that_a_full_disk_has_cut_are_passed_over(begin, place, curve):
    run = begin()
    log_points(0, 3)
    descriptor = os.open(run.journal.folder / "journal.jsonl", os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b'\n{"do": "log", "metr')
    os.close(descriptor)
    log_points(3, 6)
    run.finish("FINISHED")
    assert [step for step, _ in curve(run.run_id, "m")] == list(range(6))


def test_processes_of_a_run_write_into_its_journal(begin, curve):
    run = begin()
    script = (
        "from dcgan_pipeline.tracking import log_metrics\nfor k in range(200): log_metrics({{'m{0}': float(k)}}, k)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script.format(name)]) for name in (0, 1)]
    assert [process.wait() for process in processes] == [0, 0]
    run.finish("FINISHED")
    for name in ("m0", "m1"):
        assert [step for step, _ in curve(run.run_id, name)] == list(range(200))


def test_a_folder_that_takes_no_journal_leaves_the_run_alone(place, caplog):
    place.outbox.write_text("in the way")
    assert runs.begin(place, "x", {"run_id": "x"}) is None
    assert "MLflow is not told of this run" in messages(caplog)[0]
    runs.finish("FINISHED")


@pytest.mark.parametrize("where", ["sqlite:///{project}/other.db", "https://name:secret@host/x"])
def test_journals_hold_no_password_and_no_place_of_the_project(tmp_path, where):
    from dcgan_pipeline.tracking.target import _named

    named = _named(where.replace("{project}", str(tmp_path)), tmp_path)
    assert named in ("sqlite:///{project}/other.db", "https://host/x")


def test_a_database_has_one_address_wherever_a_command_starts(tmp_path, monkeypatch):
    from dcgan_pipeline.tracking.target import _absolute

    monkeypatch.chdir(tmp_path)
    assert _absolute("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert _absolute(f"sqlite:///{tmp_path}/mlflow.db?timeout=9") == f"sqlite:///{tmp_path}/mlflow.db?timeout=9"
    assert _absolute("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_what_is_left_is_delivered_beside_other_work_and_before_a_run_ends(begin, place, stored):
    with locked(place.project / "mlflow.db"):
        begin(name="first").finish("FINISHED")
    runs.open_experiment(place)
    runs.deliver_leftovers(place)
    runs.finish("FINISHED")
    assert [run.info.run_name for run in stored()] == ["first"]
    assert not list(place.outbox.iterdir())


def test_nothing_is_written_to_a_journal_after_it_counts_as_delivered(place):
    """Who closes removes it then: a later write would find no folder, and say that MLflow cannot be told."""
    sender, early = Sender(Store(place.uri), place.outbox, place.place), []

    class Watched(Journal):
        @property
        def delivered(self):
            return Journal.delivered.fget(self)

        @delivered.setter
        def delivered(self, value):
            at = sender.run_of(self)
            early.append((at.values, at.files) < (value.values, value.files) or not at.run_id)
            Journal.delivered.fset(self, value)

    recorder = Recorder(Watched.create(place.outbox, "run"))
    tags = {"run_id": "session"}
    recorder.append("run", place=place.place, experiment=place.experiment, given=None, name="a", tags=tags, time=1)
    recorder.metrics({"m": 1.0})
    recorder.append("end", status="FINISHED", time=2)
    sender.add(recorder.journal)
    sender.start_and_close()
    sender.join(60)
    assert len(early) >= 4
    assert all(early)
    assert not list(place.outbox.iterdir())
