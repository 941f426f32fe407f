"""The options of ``kedro run`` that the project reads itself."""

import pytest
from click.testing import CliRunner

from dcgan_pipeline.cli import run

NO_RUN = "--conf-source=nowhere"  # refused after the options before it: nothing is run, whatever these tests find


@pytest.mark.parametrize("name", ["ThredRunner", "AbstractRunner"])
def test_a_runner_that_is_not_there_is_one_line(name):
    result = CliRunner().invoke(run, [f"--runner={name}", NO_RUN])
    assert result.exit_code == 1
    assert result.output.startswith("\nerror: --runner must be one of ")
    assert "ThreadRunner" in result.output
    assert result.output.count("\n") == 2


@pytest.mark.parametrize("option", ["--pipelines", "--nodes", "--tags", "--from-nodes", "--to-outputs", "--namespaces"])
@pytest.mark.parametrize("name", ["", " ", ","])
def test_an_option_without_a_name_does_not_run_everything(option, name):
    result = CliRunner().invoke(run, [f"{option}={name}", NO_RUN])
    assert result.exit_code == 1
    assert (
        result.output == f"\nerror: {option} must name what is to run, got {name!r}; name it, or leave the option out\n"
    )


def refusal(*arguments):
    result = CliRunner().invoke(run, [*arguments, NO_RUN])
    assert result.exit_code == 1
    assert result.output.startswith("\nerror: ")
    return result.output.removeprefix("\nerror: ").removesuffix("\n")


@pytest.mark.parametrize("option", ["--env", "--load-versions", "--runner-params", "--config"])
def test_an_option_without_a_value_is_not_taken_for_none(option):
    assert refusal(f"{option}=") == f"{option} must have a value, got ''; give one, or leave the option out"


def test_an_option_that_is_given_twice_does_not_lose_the_first():
    once = "--tags must be given once, got 'a' and 'b'; give it once, with commas: --tags=A,B"
    assert refusal("--tags=a", "--tags=b") == once
    assert refusal("--pipeline=a", "-p", "b") == "--pipeline must be given once, got 'a' and 'b'; give one"


def test_a_version_of_an_entry_is_named_once():
    assert "name gan once" in refusal("--load-versions=gan:1,images:1, gan:2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: {pipeline: }", "pipeline in {file} must have a value, got None; give one, or take the line out"),
        ("run: {tags: ''}", "tags in {file} must have a value, got ''; give one, or take the line out"),
        ("run: {node_names: []}", "node_names in {file} must have a value, got []; give one, or take the line out"),
        (
            "run: {env: 8}",
            "env in {file} must be a text, got 8; YAML reads a text without quotes as a number",
        ),
        ("run: {tags: [on]}", "tags in {file} must be a text, got True; YAML reads a text"),
        ("run: {params: {seed: 010}}", "{file}: YAML reads 010 in line 1 as 8; write 10, or '010' where it is a text"),
        ("pipeline: train", "{file} must have its options below `run:`, and has none; write it there"),
    ],
)
def test_a_file_of_options_says_something_with_each(tmp_path, text, message):
    (tmp_path / "run.yml").write_text(text)
    assert refusal(f"--config={tmp_path}/run.yml").startswith(message.format(file=tmp_path / "run.yml"))


def test_a_file_of_options_is_read(tmp_path):
    (tmp_path / "run.yml").write_text(
        "run: {pipeline: train, env: photos, params: {seed: 3}, load_versions: 'images:1'}"
    )
    found = run.make_context("run", [f"--config={tmp_path}/run.yml", "--env=faces"]).params
    assert found["pipeline"] == "train"
    assert found["env"] == "faces"
    assert found["params"] == {"seed": 3}
    assert found["load_versions"] == {"images": "1"}


def test_lists_in_a_file_of_options_are_lists(tmp_path):
    (tmp_path / "run.yml").write_text("run: {pipelines: [faces, dedup], tags: [faces], load_versions: {images: '1'}}")
    found = run.make_context("run", [f"--config={tmp_path}/run.yml"]).params
    assert sorted(found["pipelines"]) == ["dedup", "faces"]
    assert list(found["tags"]) == ["faces"]
    assert found["load_versions"] == {"images": "1"}
