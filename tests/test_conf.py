"""What the environments and the pages promise."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from dcgan_pipeline.cli import run
from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.gan.settings import resolve_architecture
from dcgan_pipeline.hooks.given import Readers, refuse_unread
from dcgan_pipeline.parameters import read_params
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.stages import stage_settings

REPOSITORY = Path(__file__).parents[1]
ENVIRONMENTS = sorted(path.name for path in (REPOSITORY / "conf").iterdir() if path.is_dir() and path.name != "local")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "conf/README.md"]


def load(environment, **runtime):
    from dcgan_pipeline.settings import CONFIG_LOADER_ARGS

    return ProjectConfigLoader(
        str(REPOSITORY / "conf"), env=environment, runtime_params=runtime, **{**CONFIG_LOADER_ARGS, "base_env": "base"}
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_complete_and_its_networks_fit_its_images(environment):
    loader = load(environment)
    parameters = loader["parameters"]
    parameters["evaluate"] = EvaluateSettings.laid_over(parameters["evaluate"], loader["protocols"])
    schemas = stage_settings()
    del schemas["import_weights"]  # needs a folder, which a run names
    parsed = {stage: schema.parse(parameters[stage], stage) for stage, schema in schemas.items()}
    made, train = parsed["preprocess"], parsed["train"]
    shape = (1, made.channels, made.image_size, made.image_size)
    resolve_architecture(train.preset, train.architecture, shape)


@pytest.mark.parametrize("name", list(load("base")["protocols"]))
def test_every_protocol_is_complete_and_has_published_results_of_one_source(name):
    settings = EvaluateSettings.parse(EvaluateSettings.laid_over({"protocol": name}, load("base")["protocols"]), "it")
    assert settings.protocol == name
    assert len({row.source for row in settings.published}) == (name != "linear")
    assert all(0 < row.accuracy < 100 for row in settings.published)


def test_the_log_shows_brackets_as_they_are(tmp_path):
    code = "import kedro.framework.project, logging; logging.getLogger('dcgan_pipeline').warning('died [/a/b.cc:1]')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KEDRO_LOGGING_CONFIG": str(REPOSITORY / "conf/logging.yml")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "died [/a/b.cc:1]" in run.stdout
    assert not run.stderr


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_labelled_sets_come_from_the_place_of_the_images(environment):
    def places(**given):
        catalog = load(environment, **given)["catalog"]
        train, test = catalog["labelled_train"], catalog["labelled_test"]
        assert all(train[key] == test[key] for key in ("filepath", "test", "test_by_default"))
        return catalog["raw_images"]["filepath"], train["filepath"], test["test"]["filepath"]

    own = "data/01_raw/cifar10_train.zip" if environment == "imagenet" else "here"
    assert places(source="here") == ("here", own, None)
    assert places(source="here", test_source="there") == ("here", own, "there")
    assert places(source="here", labelled_source="elsewhere", test_source="there") == ("here", "elsewhere", "there")
    default = load(environment)["catalog"]["labelled_test"]["test_by_default"]["filepath"]
    assert (default is not None) == (environment in ("cifar10", "imagenet", "mnist", "svhn"))


def test_checkpoints_may_have_another_place():
    assert load("local", checkpoints="there")["catalog"]["checkpoints"]["filepath"] == "there"
    assert load("local")["catalog"]["checkpoints"]["filepath"] == "data/06_models/checkpoints"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert set(re.findall(r"--pipeline=(\w+)", text)) <= set(register_pipelines())
    assert set(re.findall(r"--env=(\w+)", text)) <= set(ENVIRONMENTS)
    assert not re.search(r"@[A-Z]+@", text)
    for typed in re.findall(r"--params=('[^']+'|[^\s`;]+)", text):
        read_params([typed.strip("',")])


COMMANDS = {
    line
    for page in [*PAGES, *sorted((REPOSITORY / "conf").rglob("*.yml"))]
    for line in re.findall(r"kedro run [^`#\n]*--params=[^`#\n]*", page.read_text().replace("\\\n", ""))
}


@cache
def readers_of(environment):
    loader = load(environment)
    return Readers(loader, DataCatalog.from_config(loader["catalog"]))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_of_a_page_has_settings_that_its_run_reads(command):
    typed = re.sub(r"<[^>]*>", "here", command).partition(" (")[0]
    given = run.make_context("run", shlex.split(typed)[2:]).params
    names = [*given["pipelines"], *filter(None, [given["pipeline"]])] or ["__default__"]
    pipeline = sum((register_pipelines()[name] for name in names), Pipeline([]))
    refuse_unread({"runtime_params": given["params"]}, pipeline, readers_of(given["env"] or "base"))


def test_the_log_leaves_out_known_warnings_and_no_others(tmp_path):
    code = (
        "import kedro.framework.project, dcgan_pipeline, warnings\n"
        "from kedro_mlflow.mlflow import KedroPipelineModel\n"  # MLflow overrules filters of Python's own here
        "warnings.warn('a version is made and another one is read')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KEDRO_LOGGING_CONFIG": str(REPOSITORY / "conf/logging.yml"), "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a version is made and another one is read" in run.stdout
    assert "type hints" not in run.stdout + run.stderr
