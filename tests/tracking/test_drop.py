"""A run goes whole, with a real database, real versions and nothing else."""

import pytest
from kedro.io import DataCatalog, Version

from dcgan_pipeline.datasets.metrics import MetricsDataset
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.tracking import drop
from dcgan_pipeline.tracking.drop import leavings_of, remove


@pytest.fixture
def catalog(tmp_path):
    """Two versions of one entry."""

    def entry(version=None):
        return MetricsDataset(filepath=str(tmp_path / "data/m.json"), version=Version(None, version))

    for version in ("2026-01-01", "2026-01-02"):
        entry(version).save({"x": 1.0})
    return DataCatalog({"m": entry("2026-01-03")})


@pytest.fixture
def run(client, tmp_path):
    """Make a run that saved a version of ``m``, with a file and a model."""
    experiment = client.create_experiment("runs", artifact_location=str(tmp_path / "mlartifacts"))

    def run(version=None, loaded=None, parent=None, status="FINISHED"):
        tags = {"save.m": version, "load.m": loaded, "mlflow.parentRunId": parent, "env": "local"}
        made = client.create_run(experiment, tags={name: value for name, value in tags.items() if value})
        client.log_text(made.info.run_id, "text", "file.txt")
        model = client.create_logged_model(experiment, "generator", made.info.run_id)
        (tmp_path / "weights.bin").write_bytes(b"w" * 1000)
        client.log_model_artifact(model.model_id, str(tmp_path / "weights.bin"))
        client.finalize_logged_model(model.model_id, "READY")
        if status != "RUNNING":
            client.set_terminated(made.info.run_id, status)
        return made.info.run_id

    return run


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file())


def test_a_run_goes_whole_and_others_stay(client, catalog, run, tmp_path):
    other = run("2026-01-02")
    mine = run("2026-01-01")
    child = run(parent=mine)
    grandchild = run(parent=child)
    before = left(tmp_path)
    found = leavings_of(client, [mine], lambda env: catalog)
    assert [had.info.run_id for had in found.runs] == [mine, child, grandchild]
    assert len(found.models) == 3
    assert [(had.entry, had.version) for had in found.versions] == [("m", "2026-01-01")]
    assert left(tmp_path) == before  # looking removes nothing
    lines = "\n".join(found.lines())
    assert all(name in lines for name in (mine, child, grandchild, "m 2026-01-01", found.models[0].model_id))

    remove(found, client)
    assert [path.name for path in (tmp_path / "data/m.json").iterdir()] == ["2026-01-02"]
    experiment = client.get_experiment_by_name("runs").experiment_id
    assert [had.info.run_id for had in client.search_runs([experiment], run_view_type=3)] == [other]
    assert [model.source_run_id for model in client.search_logged_models([experiment])] == [other]
    assert left(tmp_path) == ["file.txt", "weights.bin"]
    assert len(list((tmp_path / "mlartifacts").iterdir())) == 2  # the other run's folder, and `models`


def test_what_the_page_has_deleted_goes_too(client, catalog, run, tmp_path):
    mine = run("2026-01-01")
    client.delete_run(mine)
    found = leavings_of(client, [mine], lambda env: catalog)
    assert len(found.models) == 1
    remove(found, client)
    assert left(tmp_path) == []


def test_results_that_another_run_has_read_stay(client, catalog, run):
    mine = run("2026-01-01")
    reader = run(loaded="2026-01-01")
    with pytest.raises(InputError, match=f"m 2026-01-01 of run {mine} was read by {reader}; name them too"):
        leavings_of(client, [mine], lambda env: catalog)
    assert len(leavings_of(client, [mine, reader], lambda env: catalog).runs) == 2


def test_a_run_that_goes_on_or_is_not_there_is_refused(client, catalog, run):
    mine = run("2026-01-01", status="RUNNING")
    with pytest.raises(InputError, match="is RUNNING; stop it first"):
        leavings_of(client, [mine], lambda env: catalog)
    with pytest.raises(InputError, match="and abc is not"):
        leavings_of(client, ["abc"], lambda env: catalog)


def test_an_interrupted_drop_is_completed_by_the_next(client, catalog, run, tmp_path, monkeypatch):
    mine = run("2026-01-01")

    def interrupted(path, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(drop.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            remove(leavings_of(client, [mine], lambda env: catalog), client)
    assert not (tmp_path / "data/m.json/2026-01-01").exists()  # no stage finds it
    remove(leavings_of(client, [mine], lambda env: catalog), client)
    assert [path.name for path in (tmp_path / "data/m.json").iterdir()] == ["2026-01-02"]
    assert left(tmp_path) == []


def test_what_cannot_be_removed_is_said_and_asked_for_again(client, catalog, run, tmp_path, monkeypatch):
    mine = run("2026-01-01")

    def refused(path, **options):
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(drop.os, "rmdir", refused)
        with pytest.raises(PermissionError, match="2026-01-01"):
            remove(leavings_of(client, [mine], lambda env: catalog), client)
    assert client.get_run(mine).info.lifecycle_stage == "active"
    remove(leavings_of(client, [mine], lambda env: catalog), client)
    assert [path.name for path in (tmp_path / "data/m.json").iterdir()] == ["2026-01-02"]
