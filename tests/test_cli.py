"""The options of ``kedro run`` that the project reads itself."""

import pytest
from click.testing import CliRunner

from dcgan_pipeline.cli import run

NO_RUN = "--conf-source=nowhere"  # refused after the options before it: nothing is run, whatever these tests find


@pytest.mark.parametrize("name", ["ThredRunner", "AbstractRunner", ""])
def test_a_runner_that_is_not_there_is_one_line(name):
    result = CliRunner().invoke(run, [f"--runner={name}", NO_RUN])
    assert result.exit_code == 1
    assert result.output.startswith("\nerror: --runner must be one of ")
    assert "ThreadRunner" in result.output
    assert result.output.count("\n") == 2


@pytest.mark.parametrize("option", ["--pipelines", "--nodes", "--tags", "--from-nodes", "--to-outputs"])
@pytest.mark.parametrize("name", ["", " ", ","])
def test_an_option_without_a_name_does_not_run_everything(option, name):
    result = CliRunner().invoke(run, [f"{option}={name}", NO_RUN])
    assert result.exit_code == 1
    assert (
        result.output == f"\nerror: {option} must name what is to run, got {name!r}; name it, or leave the option out\n"
    )
