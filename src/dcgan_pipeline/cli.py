"""The project's commands: ``kedro run``, with names and paths in ``--params`` taken as they are typed."""

from __future__ import annotations

import copy
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
from kedro.framework.cli.project import run as _kedro_run
from kedro.framework.cli.utils import _config_file_callback, _split_load_versions

from dcgan_pipeline.annotate.command import annotate
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.misread import misread
from dcgan_pipeline.schema import QUOTE_IT
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
    "namespaces",
    "from_nodes",
    "to_nodes",
    "from_inputs",
    "to_outputs",
}


class _Once(click.Option):
    """An option that is given once, and with a value.

    Of several of one name click would take the last. Without a name (``--pipelines=$UNSET``) Kedro would run
    everything, and without an environment or a version those that it takes by itself.
    """

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        if isinstance(value, list | tuple) and ctx.get_parameter_source(self.name or "") is _TYPED:
            if len(value) > 1:
                several = f"it once, with commas: {self.opts[0]}=A,B" if self.name not in _SINGLE else "one"
                got = " and ".join(map(repr, value))
                raise _Refused(f"{self.opts[0]} must be given once, got {got}; give {several}")
            if not value[0].strip(" ,"):
                what, fix = (
                    ("name what is to run", "name it") if self.name in _CHOICES else ("have a value", "give one")
                )
                raise _Refused(f"{self.opts[0]} must {what}, got {value[0]!r}; {fix}, or leave the option out")
            value = value[0]
        return None if value is None else self.type(value, self, ctx)


_TYPED = click.core.ParameterSource.COMMANDLINE
_SINGLE = {"pipeline", "env", "runner", "config", "conf_source"}


def _checked(ctx: click.Context, given: dict[str, Any], file: str) -> dict[str, Any]:
    """Refuse options of a ``--config`` file that say nothing, and names that YAML has read as numbers.

    Lists, and the mapping of ``load_versions``, become what Kedro's options read: texts with commas.
    """
    found = dict(given)
    texts = {option.name for option in ctx.command.params if isinstance(option, _Once)}
    for name, value in given.items():
        if name not in texts:
            continue
        if value is None or not str(value).strip(" ,") or value in ([], {}):
            raise _Refused(f"{name} in {file} must have a value, got {value!r}; give one, or take the line out")
        items = [f"{key}:{item}" for key, item in value.items()] if isinstance(value, dict) else value
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, bool | int | float):
                raise _Refused(f"{name} in {file} must be a text, got {item!r}; {QUOTE_IT}")
        found[name] = ",".join(items) if isinstance(items, list) else items
    return found


def _read_config(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Read the ``--config`` file as Kedro does, and check what it says."""
    try:
        found = _config_file_callback(ctx, param, value)
    except KeyError:
        raise _Refused(
            f"{value} must have its options below `{ctx.info_name}:`, and has none; write it there"
        ) from None
    if value:
        if line := misread(Path(value).read_text()):
            raise _Refused(f"{value}: {line}")
        ctx.default_map = _checked(ctx, dict(ctx.default_map or {}), value)
    return found


def _read_versions(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Read ``--load-versions`` as Kedro does, which takes the last of two versions of an entry."""
    names = Counter(item.partition(":")[0].strip() for item in value.split(",")) if isinstance(value, str) else {}
    if twice := [name for name, count in names.items() if count > 1]:
        raise _Refused(f"--load-versions must name one version of an entry, got {value}; name {twice[0]} once")
    return _split_load_versions(ctx, param, value)


class _Stoppable(click.Command):
    """Ends Ctrl-C before the first node and after the last one, too, in a line of ours: click would say "Aborted!"."""

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        with _stopped_in_one_line():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        with _stopped_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _stopped_in_one_line() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what was made before is kept\n")
        sys.exit(128 + signal.SIGINT)


def _with_params(command: click.Command) -> click.Command:
    """Replace the option of Kedro's command that reads its values as YAML 1.1: 010 would be 8, and on True."""
    ours = _Params(["--params"], type=click.UNPROCESSED, multiple=True, callback=_read, help=_HELP)
    made = copy.copy(command)
    made.__class__ = _Stoppable
    made.params = [ours if option.name == "params" else copy.copy(option) for option in command.params]
    for option in made.params:
        if isinstance(option, click.Option) and option is not ours and not option.is_flag:
            option.__class__, option.multiple = _Once, True
        if option.name in _CALLBACKS:
            option.callback = _CALLBACKS[option.name]
    return made


_CALLBACKS = {"runner": _known_runner, "config": _read_config, "load_versions": _read_versions}


@click.group(name="dcgan_pipeline")
def cli() -> None:
    """The project's own commands."""


run = _with_params(_kedro_run)
cli.add_command(run)
cli.add_command(drop_run)
cli.add_command(annotate)
