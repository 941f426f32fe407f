"""How runs end: well, with an error, by Ctrl-C, by SIGTERM, by kill -9; and what they are called."""

import signal
import time

import pytest
from mlflow import MlflowClient

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.hooks import run_name

ENDLESS = "train.steps=1000000,train.checkpoint_every=1"


@pytest.fixture
def prepared(project):
    """A project that is ready to train."""
    for stage in ("faces", "preprocess", "dedup"):
        project.run(stage)
    return project


def start_training(project):
    """Start a training without end, and return once it is under way."""
    process = project.kedro("run", "--pipeline=train", f"--params={ENDLESS}")
    checkpoints = project.path / "data/06_models/checkpoints"
    while not any(int(path.stem.removeprefix("step-")) > 3 for path in checkpoints.rglob("step-*.safetensors")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_killed_in_mlflow_and_leaves_no_version(prepared, how):
    process = start_training(prepared)
    process.send_signal(how)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + how
    assert "Traceback" not in errors
    if how == signal.SIGINT:
        goes_on = f"`kedro run --pipelines=train --params={ENDLESS},train.resume=true` goes on"
        assert errors.strip().splitlines()[-1].endswith(goes_on)
    run = prepared.mlflow_runs()[0]
    assert run.info.status == "KILLED"
    client = MlflowClient(f"sqlite:///{prepared.path}/mlflow.db")
    assert client.get_run(run.info.run_id).info.end_time is not None
    curve = client.get_metric_history(run.info.run_id, "train.loss_d")
    assert min(point.step for point in curve) == 4  # while training ran; of a million rows, those with a quality
    with pytest.raises(Exception, match="Did not find any versions"):
        prepared.versions("gan") or prepared.load("gan")


def test_a_training_that_was_shot_goes_on_from_its_checkpoint(prepared):
    process = start_training(prepared)
    process.kill()
    process.communicate(timeout=120)
    # Two may be there, where the shot fell between the writing of one and the removal of the one before.
    files = (prepared.path / "data/06_models/checkpoints").rglob("step-*.safetensors")
    reached = max(int(path.stem.removeprefix("step-")) for path in files)
    prepared.run("train", params={"train": {"resume": True, "steps": reached + 3}})
    assert prepared.load("gan").settings["step"] == reached + 3
    assert prepared.mlflow_runs()[0].info.status == "FINISHED"


def test_a_failed_run_is_failed_and_keeps_what_was_made_before(finished, project):
    with pytest.raises(InputError, match=r"train.batch_size must be at most the number of training images"):
        project.run("unsupervised", params={"train": {"batch_size": 5000}})
    assert project.mlflow_runs()[0].info.status == "FAILED"
    assert len(project.versions("duplicates")) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("train.batchsize=3", "train.batchsize is not a setting; the settings here are: preset, architecture"),
        ("sorce=photos", "sorce is not a setting; the settings are: engine, faces"),
        ("train.steps=0", "train.steps: input should be greater than or equal to 1, got 0"),
        ("source=no/such/folder", "there is nothing at"),
    ],
)
def test_what_a_user_can_mend_is_one_line_without_a_traceback(project, params, message):
    process = project.kedro("run", f"--params={params}")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"evaluate": {"C": [1.0, 0.5]}}, "evaluate: C must be positive"),
        ({"train": {"architecture": {"widht": 3}}}, "train.architecture.widht is not a setting"),
        ({"train": {"preset": "faces"}}, "train.preset must be one of faces64"),
        ({"train": {"preset": "faces64"}}, "the networks must fit the images"),
        ({"device": "mps"}, "device must exist on this machine, got 'mps'"),
    ],
)
def test_wrong_settings_are_refused_before_a_run_is_opened(project, params, message):
    with pytest.raises(InputError, match=message):
        project.run(params=params)
    assert not (project.path / "mlflow.db").exists() or not project.mlflow_runs()
    assert not list((project.path / "data").rglob("*.parquet")) if (project.path / "data").exists() else True


def test_a_run_is_named_after_what_it_runs_and_what_was_changed():
    assert run_name({"pipeline_names": None, "env": None}) == "all stages"
    params = {"train": {"steps": 5, "architecture": {"width": 8}}}
    name = run_name({"pipeline_names": ["train"], "env": "cifar10", "runtime_params": params})
    assert name == "train · cifar10 · train.steps=5 · train.architecture.width=8"


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"to_outputs": ["regions"]}, "to-outputs=regions"),
        (
            {"node_names": ("train.draw_losses", "train.draw_diagnostics")},
            "nodes=train.draw_losses+train.draw_diagnostics",
        ),
        ({"pipeline_names": ["train"], "from_nodes": ["train.draw_losses"]}, "train · from-nodes=train.draw_losses"),
        ({"tags": ("faces",), "env": "photos"}, "tags=faces · photos"),
        ({"namespaces": ["dedup"]}, "namespaces=dedup"),
        ({"only_missing_outputs": True}, "only missing outputs"),
    ],
)
def test_a_run_of_some_nodes_is_named_after_them(asked, name):
    assert run_name({"pipeline_names": [], "env": None, **asked}) == name


def test_two_runs_that_differ_in_one_setting_differ_in_one_column(project, finished):
    for stage in ("faces", "preprocess"):
        project.run(stage)
    project.run("dedup")
    project.run("dedup", params={"dedup": {"autoencoder": {"noise": 0.1}}})
    second, first = (run.data.params for run in project.mlflow_runs()[:2])
    assert {key for key in first if first[key] != second.get(key)} == {"dedup.autoencoder.noise"}


def test_a_finished_run_ends_with_a_table_of_what_it_made(project):
    process = project.kedro("run", "--pipeline=faces")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    for text in ("images in", "1,797", "regions kept", "data/08_reporting/regions_sheet.png/"):
        assert text in output


def test_the_pipelines_of_a_run_are_named_in_the_order_in_which_they_run(project):
    with project.session():  # knows the registry
        assert (
            run_name({"pipeline_names": ["train", "mine", "dedup", "faces"], "env": None}) == "faces+dedup+train+mine"
        )
