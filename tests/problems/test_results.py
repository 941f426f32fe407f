"""What a run needs and no run has made is found before its first node, with the command that makes it."""

import shlex
from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog

from dcgan_pipeline.parameters import read_params
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.problems.here import here
from dcgan_pipeline.problems.results import command, lacking, unwritable

PIPELINES = register_pipelines()
NAMES = {name for pipeline in PIPELINES.values() for name in pipeline.datasets() if not name.startswith("params:")}
UNVERSIONED = {
    *("raw_images", "raw_attributes", "labelled_train", "labelled_test"),
    *("known_images", "earlier_gans", "gan_annotations", "gan_results"),
}


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """Every entry of every pipeline as a versioned text; what is ``made`` has one version."""
    monkeypatch.chdir(tmp_path)

    def make(*made):
        text = {"type": "dcgan_pipeline.datasets.text.TextDataset", "versioned": True}
        config = {name: {**text, "filepath": f"{tmp_path}/data/{name}.txt"} for name in NAMES}
        for name in UNVERSIONED | {name for name in NAMES if name.endswith("work") or name == "checkpoints"}:
            config[name] = {"type": "MemoryDataset"}
        first = DataCatalog.from_config(config, save_version="2026-01-31T12.00.00.000Z")
        for name in made:
            first.save(name, name)
        return DataCatalog.from_config(config)

    return make


def needs(pipeline, catalog, **run_params):
    return lacking(PIPELINES[pipeline], catalog, {"pipeline_names": [pipeline], **run_params})


def test_a_stage_before_its_predecessors_names_the_command_that_runs_them_all(catalog):
    params = {"source": "/my photos", "train": {"steps": 5}}
    message = needs("train", catalog(), env="photos", runtime_params=params)
    assert message == (
        "`train` needs duplicates, images and records, which no run has made yet; run `kedro run --env=photos "
        "--pipelines=faces,preprocess,dedup,train '--params=source=/my photos,train.steps=5'`"
    )


def test_only_what_is_missing_is_run(catalog):
    assert "run `kedro run --pipelines=dedup,train`" in needs("train", catalog("images", "records", "thumbnails"))
    assert needs("train", catalog("duplicates")) is None
    assert needs("__default__", catalog()) is None


def test_pipelines_that_make_the_same_are_not_named_in_one_command(catalog):
    message = needs("dedup_new", catalog())
    assert message.endswith("run `kedro run --pipelines=faces,preprocess,dedup` first")


def test_a_part_of_a_pipeline_is_run_after_what_it_needs(catalog):
    part = PIPELINES["__default__"].filter(from_nodes=["visualize.draw_samples"])  # and the page with every figure
    figures = part.inputs() & PIPELINES["__default__"].all_outputs() - {"gan", "images", "duplicates"}
    message = lacking(part, catalog(*figures), {"pipeline_names": None, "from_nodes": ["visualize.draw_samples"]})
    assert message.startswith("this run needs duplicates, gan and images")
    assert message.endswith("run `kedro run --pipelines=faces,preprocess,dedup,train` first")


def test_an_entry_that_is_loaded_before_a_run_has_made_it(catalog, said):
    here.catalog, here.run_params = catalog("images", "records", "duplicates"), {"env": "photos"}
    assert said(here.catalog.load, "gan") == (
        "error: gan must have been made before it is loaded, and no run has made it yet; run "
        "`kedro run --env=photos --pipelines=train`"
    )


def test_a_damaged_version_is_named_with_its_folder(tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    table = {"type": "dcgan_pipeline.datasets.table.TableDataset", "versioned": True}
    here.catalog = DataCatalog.from_config({"records": {**table, "filepath": f"{tmp_path}/records.parquet"}})
    version = tmp_path / "records.parquet/2026-01-31T12.00.00.000Z"
    version.mkdir(parents=True)
    (version / "records.parquet").write_bytes(b"PAR1 cut short")
    message = said(here.catalog.load, "records")
    assert message.startswith("error: records must be whole, and its version 2026-01-31T12.00.00.000Z is not (")
    assert "remove records.parquet/2026-01-31T12.00.00.000Z, so that the one before it is the latest" in message


def test_a_folder_that_cannot_be_written_is_found_before_the_run(catalog, tmp_path):
    entries = catalog()
    assert unwritable(PIPELINES["faces"], entries) is None
    (tmp_path / "data").write_text("")
    assert unwritable(PIPELINES["faces"], entries).startswith("data must be a folder")


def test_a_command_has_what_else_was_asked_for(monkeypatch, tmp_path):
    asked = {"pipeline_names": ["train"], "load_versions": {"duplicates": "2026-01-01", "gan": "2025-01-01"}}
    asked |= {"tags": ("train",), "project_path": "/project"}
    assert command(asked) == "kedro run --pipelines=train --load-versions=duplicates:2026-01-01"  # train makes gan
    monkeypatch.setattr(here, "loader", SimpleNamespace(conf_source="/my settings"))  # and the catalog is unknown
    node = ["train.draw_losses"]
    assert command(asked, node_names=node) == (
        "kedro run --pipelines=train --nodes=train.draw_losses '--conf-source=/my settings'"
    )
    here.loader.conf_source = "/project/conf"
    assert command(asked, node_names=node) == "kedro run --pipelines=train --nodes=train.draw_losses"


def test_a_command_is_one_that_a_shell_takes():
    asked = {
        "env": "local",
        "pipeline_names": ["train"],
        "runtime_params": {"source": "/a b", "train": {"resume": True}},
    }
    assert command(asked) == "kedro run --pipelines=train '--params=source=/a b,train.resume=true'"
    asked["runtime_params"] = {"source": '/a, "b"/c', "sample": {"classes": ["a+b", 'c, "d"']}}
    *_, params = shlex.split(command(asked))
    assert read_params([params.removeprefix("--params=")]) == asked["runtime_params"]
