"""The options of ``kedro run`` that the project reads itself."""

import pytest
from click.testing import CliRunner

from dcgan_pipeline.cli import run


@pytest.mark.parametrize("name", ["ThredRunner", "AbstractRunner", ""])
def test_a_runner_that_is_not_there_is_one_line(name):
    result = CliRunner().invoke(run, [f"--runner={name}"])
    assert result.exit_code == 1
    assert result.output.startswith("\nerror: --runner must be one of ")
    assert "ThreadRunner" in result.output
    assert result.output.count("\n") == 2
