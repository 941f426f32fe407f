"""Ctrl-C ends a run as interrupted, whatever library it arrives in."""

import os
import signal

import duckdb
import pytest
from kedro.io import DataCatalog, MemoryDataset

from dcgan_pipeline import cli
from dcgan_pipeline.hooks import InterruptHooks
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.problems import Stopped, explain
from dcgan_pipeline.stages import IN_DEFAULT_RUN

PIPELINE = register_pipelines()["unsupervised"]
ASKED = {"pipeline_names": ["unsupervised"], "env": "photos", "runtime_params": {"train": {"steps": 9}}}


@pytest.fixture
def watching(tmp_path):
    hooks = InterruptHooks()
    catalog = DataCatalog({"checkpoints": MemoryDataset(tmp_path)})
    hooks.before_pipeline_run(run_params=ASKED, pipeline=PIPELINE, catalog=catalog)
    yield hooks
    hooks.after_pipeline_run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt(number: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return number


def done(hooks, *stages):
    for node in PIPELINE.nodes:
        if node.namespace in stages:
            hooks.after_node_run(node=node)


def test_an_interruption_says_how_the_run_goes_on(watching, tmp_path):
    done(watching, "faces", "preprocess", "dedup")
    (tmp_path / "step-000000004.safetensors").touch()
    with pytest.raises(Stopped) as stopped:
        interrupt(0)
    assert explain(stopped.value) == (
        "stopped; what was made before is kept, and `kedro run --env=photos --pipelines=train,visualize "
        "--params=train.steps=9,train.resume=true` goes on"
    )


def test_without_a_checkpoint_the_training_begins_anew(watching):
    done(watching, "faces")
    with pytest.raises(Stopped, match=r"--pipelines=preprocess,dedup,train,visualize --params=train.steps=9` goes on"):
        interrupt(0)


def test_nodes_that_a_tool_shares_are_those_of_the_stage_that_runs(tmp_path):
    hooks, catalog = InterruptHooks(), DataCatalog({"checkpoints": MemoryDataset(tmp_path)})
    for name in ("__default__", "evaluate_samples"):
        pipeline = register_pipelines()[name]
        hooks.before_pipeline_run(run_params={}, pipeline=pipeline, catalog=catalog)
        with pytest.raises(Stopped) as stopped:
            interrupt(0)
        stages = ",".join(IN_DEFAULT_RUN) if name == "__default__" else name
        assert f"`kedro run --pipelines={stages}` goes on" in str(stopped.value)


def test_of_some_nodes_those_that_are_left_go_on(tmp_path):
    hooks, catalog = InterruptHooks(), DataCatalog({"checkpoints": MemoryDataset(tmp_path)})
    part = PIPELINE.filter(from_nodes=["train.draw_losses"])
    asked = ASKED | {"from_nodes": ["train.draw_losses"], "load_versions": {"gan": "1"}, "runtime_params": {}}
    hooks.before_pipeline_run(run_params=asked, pipeline=part, catalog=catalog)
    left = "train.draw_losses,visualize.write_gan_report"
    with pytest.raises(Stopped, match=rf"`kedro run --env=photos --pipelines=unsupervised --nodes={left} "):
        interrupt(0)


def test_an_interruption_before_the_first_node_is_one_line(monkeypatch, capsys):
    def interrupted(*arguments, **named):
        os.kill(os.getpid(), signal.SIGINT)

    for place in ("kedro.framework.session.KedroSession.create", "dcgan_pipeline.parameters.read_params"):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            with pytest.raises(SystemExit) as ended:
                cli.run.main(["--nodes=train.draw_losses", "--params=seed=1"])
        assert ended.value.code == 130
        assert capsys.readouterr().err == "\nstopped; what was made before is kept\n"


def test_an_interruption_that_a_library_took_for_an_error_is_one_all_the_same(watching):
    connection = duckdb.connect()
    connection.create_function("interrupt", interrupt, ["BIGINT"], "BIGINT")
    with pytest.raises(BaseException):  # noqa: B017, PT011  # which one depends on where the signal arrives
        connection.execute("select interrupt(range) from range(1)").fetchall()
    with pytest.raises(Stopped, match="stopped; what was made before is kept"):
        watching.on_pipeline_error()


def test_an_error_alone_stops_nothing(watching):
    watching.on_pipeline_error()


def test_a_program_that_has_a_handler_of_its_own_keeps_it(monkeypatch):
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        InterruptHooks().before_pipeline_run(run_params=ASKED, pipeline=PIPELINE, catalog=DataCatalog())
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)
