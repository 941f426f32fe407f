"""What ``--params`` makes of what is typed."""

import importlib.util
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.parameters import flat, read_params

REPOSITORY = Path(__file__).parents[1]


def benchmark():
    spec = importlib.util.spec_from_file_location("params", REPOSITORY / "benchmarks/params.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quoted(item):
    return '"' + item.replace('"', '""') + '"'


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda text: text != "???")


@settings(deadline=None)  # the first one imports what the settings are of
@given(NAMES)
def test_a_path_arrives_as_it_is_typed(name):
    assert read_params([quoted(f"source={name}"), "seed=3"]) == {"source": name, "seed": 3}
    if not re.search(r'[,\n\r]|^"', name):
        assert read_params([f"source={name}"]) == {"source": name}


@settings(deadline=None)
@given(st.lists(NAMES, min_size=2))
def test_names_in_a_list_arrive_as_they_are_typed(names):
    typed = "+".join(quoted(name) for name in names)
    assert read_params([quoted(f"sample.classes={typed}")]) == {"sample": {"classes": names}}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("sample.classes=001", ["001"]),
        ("sample.classes=2e+3", ["2e", "3"]),
        ("sample.classes=on+null", ["on", "null"]),
        ("dedup.always_keep=007/1.png", ["007/1.png"]),
        ("evaluate.protocol=007", "007"),
        ("train.steps=1e3", 1000),
        ("train.learning_rate=5e-4", 5e-4),
        ("train.fused_adam=true", True),
        ("train.fused_adam=False", False),
        ("train.preset=null", None),
        ("evaluate.curve=1+20+all", [1, 20, "all"]),
        ("evaluate.C=1e-3+1e+1", [1e-3, 10.0]),
        ("preprocess.channels=3", 3),
        ("mine=010", "010"),
        ("seed=12345678901234567", 12345678901234567),
    ],
)
def test_a_value_is_what_its_setting_takes(typed, expected):
    ((found),) = flat(read_params([typed])).values()
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["source=/a, b"], "every item must be a setting and its value, got ' b'; write --params="),
        (["=3"], "every item must be a setting and its value, got '=3'"),
        (['"source=/a'], "quotes must be around a whole item"),
        (["seed=1", "seed=2"], "seed is given twice, as '1' and '2'; give it once"),
        (["train.stps=1"], r"train\.stps is not a setting; the settings here are: preset, "),
        (["train.steps.x=1"], r"train\.steps\.x is not a setting: train\.steps has none below it"),
        (["train.architecture=4"], r"has settings below it.*as train\.architecture\.image_size=\.\.\."),
        (["mine=1", "mine.deep=2"], "below a setting that is given a value of its own"),
        (["mine.deep=2", "mine=1"], "settings below it too"),
        (["source=???"], r"write \./\?\?\?"),
        (['sample.classes="a"b'], "quotes must be around a whole item.*joined by +"),
    ],
)
def test_what_is_no_setting_is_refused_in_one_line(typed, message):
    with pytest.raises(InputError, match=message) as info:
        read_params(typed)
    assert "\n" not in str(info.value)


def test_the_table_of_the_page_is_what_the_benchmark_prints(capsys):
    benchmark().main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) > 22
    assert "\n".join(lines) in (REPOSITORY / "docs/settings.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--params=source=010,seed=1"], {"source": "010", "seed": 1}),
        (["--params", "source=a=b", '--params="checkpoints=/a,b"'], {"source": "a=b", "checkpoints": "/a,b"}),
        ([], {}),
        (["--config=run.yml"], {"train": {"steps": 7}, "source": "010"}),
        (["--config=text.yml"], {"source": "010"}),
        (["--config=run.yml", "--params=seed=3"], {"seed": 3}),
    ],
)
def test_the_command_reads_params_and_kedro_the_rest(arguments, expected, tmp_path, monkeypatch):
    from dcgan_pipeline.cli import run

    monkeypatch.chdir(tmp_path)
    Path("run.yml").write_text("run: {params: {train: {steps: 7}, source: '010'}, tags: train}")
    Path("text.yml").write_text("run: {params: source=010}")
    monkeypatch.setattr(run, "callback", lambda **options: click.echo(repr(options["params"])))
    result = CliRunner().invoke(run, arguments, catch_exceptions=False)
    assert result.output.strip() == repr(expected)


def test_the_command_refuses_in_one_line():
    from dcgan_pipeline.cli import run

    result = CliRunner().invoke(run, ["--params=seed=1,x"])
    assert result.exit_code == 1
    assert result.output.startswith("\nerror: --params: every item")
    assert len(result.output.splitlines()) == 2


def test_the_command_is_kedro_s_with_options_read_by_ours():
    from kedro.framework.cli.project import run as theirs

    from dcgan_pipeline.cli import cli, run

    assert [option.name for option in run.params] == [option.name for option in theirs.params]
    read_by_ours = {
        option.name
        for option, original in zip(run.params, theirs.params, strict=True)
        if type(option) is not type(original) or option.callback is not original.callback
    }
    assert read_by_ours == {option.name for option in theirs.params if not getattr(option, "is_flag", False)}
    assert cli.commands["run"] is run
