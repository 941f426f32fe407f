"""The project's commands: ``kedro run``, with names and paths in ``--params`` taken as they are typed."""

from __future__ import annotations

import copy
from typing import IO, Any

import click
from kedro.framework.cli.project import run as _kedro_run

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.tracking.drop import drop_run

_HELP = """Settings for this run, as name=value, parted by commas: --params=train.steps=4000,seed=1. Names and paths
are taken as they are typed; the items of a list are joined by +; null is none. A setting with a comma in it is put in
double quotes: --params='"source=/a,b"'. May be given several times."""


class _Refused(click.ClickException):
    """Printed as every problem that a user can mend."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"\nerror: {self.message}", file=file, err=file is None)


class _Params(click.Option):
    """An option that may be given several times; Kedro's ``--config`` file gives it as a mapping."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return value if isinstance(value, dict | str) else super().type_cast_value(ctx, value)


def _read(ctx: click.Context, param: click.Parameter, value: Any) -> dict[str, Any]:
    from dcgan_pipeline.parameters import read_params

    if isinstance(value, dict):  # YAML has told numbers from texts
        return value
    try:
        return read_params([value] if isinstance(value, str) else value)
    except InputError as error:
        raise _Refused(str(error)) from None


def _known_runner(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse a runner that Kedro has not: it would end in a traceback. A dotted name is a class of the user's."""
    from kedro import runner

    from dcgan_pipeline.problems.names import must_be_one_of

    known = [name for name in runner.__all__ if name.endswith("Runner") and name != "AbstractRunner"]
    if isinstance(value, str) and "." not in value and value not in known:
        raise _Refused(must_be_one_of("--runner", value, known))
    return value


_CHOICES = {
    "pipeline",
    "pipelines",
    "nodes",
    "node_names",
    "tags",
    "from_nodes",
    "to_nodes",
    "from_inputs",
    "to_outputs",
}


class _Chosen(click.Option):
    """An option that chooses what runs: without a name (``--pipelines=$UNSET``) Kedro would run everything."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        if isinstance(value, str) and not value.strip(" ,") and _is_typed(ctx, self.name or ""):
            raise _Refused(f"{self.opts[0]} must name what is to run, got {value!r}; name it, or leave the option out")
        return super().type_cast_value(ctx, value)


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _with_params(command: click.Command) -> click.Command:
    """Replace the option of Kedro's command that reads its values as YAML 1.1: 010 would be 8, and on True."""
    ours = _Params(["--params"], type=click.UNPROCESSED, multiple=True, callback=_read, help=_HELP)
    made = copy.copy(command)
    made.params = [ours if option.name == "params" else copy.copy(option) for option in command.params]
    for option in made.params:
        if option.name == "runner":
            option.callback = _known_runner
        elif option.name in _CHOICES:
            option.__class__ = _Chosen
    return made


@click.group(name="dcgan_pipeline")
def cli() -> None:
    """The project's own commands."""


run = _with_params(_kedro_run)
cli.add_command(run)
cli.add_command(drop_run)
