"""What is wrong in settings is told with the file and the place, whoever noticed it."""

import subprocess
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

from dcgan_pipeline.problems.here import here

REPOSITORY = Path(__file__).parents[2]
BASE = {"base/parameters.yml": "train: {steps: 3, architecture: {width: 4}}\nevaluate: {C: [1.0]}\n"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("train: {steps: 3\nfoo", "line 3 is not (did not find expected ',' or '}')"),
        ("train:\n\tsteps: 3\n", "line 2 is not (found character that cannot start any token)"),
        ("train: {steps: 3}\ntrain: {steps: 4}\n", "line 2 is not (found duplicate key train)"),
        ("train: {steps: \x00}\n", "character 16 is not (control characters are not allowed)"),
    ],
)
def test_a_file_that_is_no_yaml_is_named_with_its_line(load, said, text, line):
    message = said(load, {**BASE, "local/parameters.yml": text})
    assert message == f"error: conf/local/parameters.yml must be YAML, and {line}; correct it there"


def test_a_file_in_another_encoding_is_named(load, said):
    message = said(load, {**BASE, "local/parameters.yml": "seed: 1 # zufällig".encode("latin-1")})
    assert message == "error: conf/local/parameters.yml must be text in UTF-8, and byte 14 is not; save it as UTF-8"


def test_a_list_in_place_of_all_settings_is_named(load, said):
    assert "conf/local/parameters.yml must be a mapping" in said(load, {**BASE, "local/parameters.yml": "- seed: 1\n"})


@pytest.mark.parametrize("env", ["base", "local"])
def test_a_number_that_yaml_reads_as_another_is_refused_in_every_file(load, said, env):
    message = said(
        load, {"base/parameters.yml": "a: 1", f"{env}/parameters_mine.yml": "preprocess:\n  image_size: 064"}
    )
    assert message.startswith(f"error: conf/{env}/parameters_mine.yml: YAML reads 064 in line 2 as 52; write 64, or ")


def test_a_name_that_yaml_reads_as_a_number_is_named(load, said):
    protocols = {"base/protocols.yml": "a: {}", "local/protocols.yml": "8: {a: 1}"}
    message = said(load, {**BASE, **protocols}, kind="protocols")
    assert message.startswith("error: a name in conf/local/protocols.yml must be a text, got 8; YAML reads")
    load({**BASE, "local/protocols.yml": "", "local/parameters.yml": "8: {a: 1}"})
    message = said(here.loader.readers)
    assert message.startswith("error: a name in conf/local/parameters.yml must be a text, got 8; YAML reads")


def test_a_list_for_a_mapping_is_named_with_its_place(load, said):
    message = said(load, BASE, params={"train": {"architecture": [3]}})
    assert message.startswith("error: train.architecture must be a mapping of settings, got a list, ")
    assert message.endswith("in --params; write it as conf/base does")


def test_a_setting_in_two_files_names_both(load, said):
    files = {"local/parameters.yml": "train: {steps: 1}", "local/parameters_train.yml": "train: {steps: 2}"}
    message = said(load, {**BASE, **files})
    assert "train.steps is in conf/local/parameters" in message
    assert all(f"conf/{name}" in message for name in files)


@pytest.mark.parametrize("value", ["${nowhere}", "${oc.env:HOME}", "${unclosed"])
def test_a_reference_that_leads_nowhere_is_named(load, said, value):
    message = said(load, {**BASE, "local/parameters.yml": f'train: {{steps: "{value}"}}'})
    assert message.endswith("correct its ${...}")
    assert "train.steps in conf/local/parameters.yml" in message or value == "${unclosed"


def test_credentials_of_another_environment_are_found(load, said):
    entry = {"raw_images": {"type": "pandas.CSVDataset", "filepath": "x", "credentials": "bucket"}}
    load({**BASE, "photos/x.yml": "", "local/credentials.yml": "bucket: {key: a}"}, env="photos")
    message = said(DataCatalog.from_config, entry, {})
    assert "must be in conf/photos/credentials.yml (or in that of conf/base)" in message
    assert "they are in conf/local/credentials.yml, which is not read here; copy them there" in message
    assert "key" not in message.replace("keys", "")


TABLE = "dcgan_pipeline.datasets.table.TableDataset"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"type": TABLE.replace("table", "tabel"), "filepath": "x"}, f"did you mean {TABLE}?"),
        ({"type": TABLE.replace("Table", "Tabel"), "filepath": "x"}, f"did you mean {TABLE}?"),
        ({"filepath": "x"}, "must have a type, and has none"),
        ({"type": TABLE, "filpath": "x"}, "got an unexpected keyword argument 'filpath'); correct their names"),
        ("data/x.parquet", "must be a mapping with a type and a filepath"),
        ({"type": TABLE, "filepath": "s4://a/b"}, "cannot be made (Protocol not known: s4)"),
    ],
)
def test_a_wrong_entry_of_the_catalog_is_named(load, said, entry, found):
    load({"base/parameters.yml": "a: 1", "local/catalog.yml": "regions: {}"})
    message = said(lambda: DataCatalog.from_config({"regions": entry}).get("regions"))
    assert message.startswith("error: the entry regions of the catalog (conf/local/catalog.yml) ")
    assert found in message
    assert "\n" not in message


def test_a_wrong_setting_of_mlflow_is_named(load, said):
    load({**BASE, "base/mlflow.yml": "server: {}", "local/mlflow.yml": "serve: {x: 1}"})
    message = said(KedroMlflowConfig.model_validate, {"serve": {"x": 1}})
    assert message.startswith("error: serve in conf/local/mlflow.yml is wrong (it is not a setting of kedro-mlflow)")


def test_no_settings_at_all_is_said(load, said):
    assert "settings must be in conf/, and are not" in said(load, {}, kind="protocols")


@pytest.mark.parametrize("env", ["base", "photos", "local", "my-own"])
@pytest.mark.parametrize("name", ["credentials.yml", "credentials_s3.yaml", "credentials/s3.yml"])
def test_git_ignores_credentials_of_every_environment(env, name):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not in a repository")
    done = subprocess.run(["git", "check-ignore", "-q", f"conf/{env}/{name}"], cwd=REPOSITORY, check=False)
    assert done.returncode == 0
