"""What is wrong in `conf/` or in `--params`: files that cannot be read, entries that Kedro cannot make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dcgan_pipeline.errors import first_line
from dcgan_pipeline.files import short
from dcgan_pipeline.problems.here import here
from dcgan_pipeline.schema import QUOTE_IT

_CREDENTIALS = re.compile(r"Unable to find credentials '(.+?)'")
_DUPLICATES = re.compile(r"Duplicate keys found in (.+) and (.+): (.+)")
_ENTRY = re.compile(r"(?:[Dd]ataset|Catalog entry) '(.+?)'")
_CLASS = re.compile(r"(?:missing dependencies for |Dataset ')([\w.]+\.)?(\w+)[':\n]")


def unreadable(causes: list[BaseException]) -> str | None:
    """A file of settings that is no YAML, no text, or no mapping of names."""
    import yaml
    from omegaconf.errors import ConfigKeyError

    kinds = yaml.YAMLError | UnicodeDecodeError | AttributeError | ConfigKeyError
    if not any(isinstance(error, kinds) for error in causes):
        return None
    for file in _files():
        try:
            settings = _read(file)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f"line {mark.line + 1}" if mark else f"character {getattr(error, 'position', 0) + 1}"
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
            return f"{short(file)} must be YAML, and {line} is not ({reason}); correct it there"
        except UnicodeDecodeError as error:
            return f"{short(file)} must be text in UTF-8, and byte {error.start + 1} is not; save it as UTF-8"
        if isinstance(settings, list):
            return f"{short(file)} must be a mapping (name: value), and is a list; take the dash before each name away"
        for name in settings if isinstance(settings, dict) else ():
            if not isinstance(name, str):
                return f"a name in {short(file)} must be a text, got {name!r}; {QUOTE_IT}"
    return None


def misfits(causes: list[BaseException]) -> str | None:
    """A list where `conf/base` has a mapping, or a mapping for a list: OmegaConf does not say where."""
    if not any("Cannot merge incompatible container types" in str(error) for error in causes):
        return None
    from omegaconf import OmegaConf

    known: Any = {}
    layers = [(file, _read(file)) for file in _files() if "parameters" in file.name]
    for file, settings in [*layers, (None, here.params)]:
        if found := _misfit(known, settings, ""):
            return f"{found}, in {short(file) if file else '--params'}; write it as conf/base does"
        known = OmegaConf.to_container(OmegaConf.merge(known, settings))
    return None


def _misfit(known: Any, given: Any, name: str) -> str | None:
    if {type(known), type(given)} == {dict, list}:
        kinds = ("a list", "a mapping of settings")
        return f"{name} must be {kinds[isinstance(known, dict)]}, got {kinds[isinstance(given, dict)]}, {given}"
    if isinstance(known, dict) and isinstance(given, dict):
        for key in given.keys() & known.keys():
            if found := _misfit(known[key], given[key], f"{name}.{key}" if name else str(key)):
                return found
    return None


def duplicates(causes: list[BaseException]) -> str | None:
    """The same setting in two files of one environment."""
    for error in causes:
        if found := _DUPLICATES.search(str(error)):
            first, second, keys = found.groups()
            return (
                f"a setting must be in one file of an environment, and {keys} is in {short(Path(first))} and in "
                f"{short(Path(second))}; remove it from one of them"
            )
    return None


def interpolation(causes: list[BaseException]) -> str | None:
    """A ${...} that leads nowhere."""
    from omegaconf.errors import GrammarParseError, InterpolationResolutionError, UnsupportedInterpolationType

    kinds = (InterpolationResolutionError, UnsupportedInterpolationType, GrammarParseError)
    for error in causes:
        if isinstance(error, kinds):
            name = f"{error.full_key} in {_where(error.full_key)}" if error.full_key else "a value in the settings"
            return f"{name} must refer to what is there, and does not ({first_line(error)}); correct its ${{...}}"
    return None


def credentials(causes: list[BaseException]) -> str | None:
    """Credentials that an entry names, and that are not where this environment is read from."""
    for error in causes:
        if isinstance(error, KeyError) and (found := _CREDENTIALS.search(str(error))):
            name, env = found.group(1), here.env or "local"
            elsewhere = [short(file) for file in _credentials_of_others() if name in mapping_of(file)]
            is_there = f"; they are in {elsewhere[0]}, which is not read here" if elsewhere else ""
            mend = "copy them there" if elsewhere else f"write `{name}:` there, with its keys below"
            return (
                f"the credentials {name}, which an entry of the catalog names, must be in "
                f"conf/{env}/credentials.yml (or in that of conf/base), and are not{is_there}; {mend}; git ignores it"
            )
    return None


def entries(causes: list[BaseException]) -> str | None:
    """An entry of the catalog that Kedro cannot make."""
    from kedro.io.core import DatasetError

    for error in causes:
        text = str(error).strip()
        if not isinstance(error, DatasetError) or not (found := _ENTRY.search(text)):
            continue
        entry = f"the entry {found.group(1)} of the catalog ({_where(found.group(1), 'catalog')})"
        reason = first_line(error).rstrip(".")
        if "exception occurred when parsing config" in text:
            return _of_class(entry, text)
        if "is not a valid dataset configuration" in text:
            return f"{entry} must be a mapping with a type and a filepath; write it as conf/base/catalog.yml does"
        if "must only contain arguments valid" in text:
            return f"{entry} must have the settings of its type alone ({reason}); correct their names"
        if "Failed to instantiate" in text:
            return f"{entry} cannot be made ({reason}); correct its settings"
    return None


def _of_class(entry: str, text: str) -> str:
    if "'type' is missing" in text:
        return (
            f"{entry} must have a type, and has none; write it as conf/base/catalog.yml does, or begin its name with _"
        )
    reason = text.splitlines()[1].split(". ")[0].rstrip(".")
    named = _CLASS.search(text)
    near = get_close_matches(named.group(2), _dataset_classes(), n=1, cutoff=0.75) if named else []
    nearest = f"did you mean {_dataset_classes()[near[0]]}?" if near else "correct it, or install its package"
    return f"{entry} must have a type that can be imported, and has not ({reason}); {nearest}"


def _dataset_classes() -> dict[str, str]:
    """The project's own, by name, each with its full name."""
    folder = Path(__file__).parents[1] / "datasets"
    found = [(file.stem, re.findall(r"^class (\w+Dataset)\b", file.read_text(), re.M)) for file in folder.glob("*.py")]
    return {name: f"dcgan_pipeline.datasets.{stem}.{name}" for stem, names in found for name in names if name[0] != "_"}


def mlflow(causes: list[BaseException]) -> str | None:
    """A misspelt or wrong key in `mlflow.yml`."""
    from pydantic import ValidationError

    for error in causes:
        if isinstance(error, ValidationError) and error.title == "KedroMlflowConfig":
            first = error.errors()[0]
            where, message = ".".join(map(str, first["loc"])), first["msg"]
            if first["type"] == "extra_forbidden":
                message = "it is not a setting of kedro-mlflow"
            return (
                f"{where} in {_where(where, 'mlflow')} is wrong ({message}); correct it as conf/base/mlflow.yml has it"
            )
    return None


def missing(causes: list[BaseException]) -> str | None:
    """No settings at all."""
    from kedro.config import MissingConfigException

    for error in causes:
        if isinstance(error, MissingConfigException):
            mend = "run in the project's folder, or give --conf-source"
            return f"settings must be in conf/, and are not ({first_line(error)}); {mend}"
    return None


TRANSLATORS = (unreadable, misfits, duplicates, interpolation, credentials, entries, mlflow, missing)


def _files() -> Iterator[Path]:
    """The files that are read, the later over the earlier."""
    return (file for folder in here.folders for file in sorted(folder.rglob("*.y*ml")))


def _read(file: Path) -> Any:
    """As Kedro reads it."""
    import io

    from omegaconf import OmegaConf

    read = OmegaConf.load(io.StringIO(file.read_bytes().decode("utf8")))
    return OmegaConf.to_container(read, resolve=False)


def mapping_of(file: Path) -> dict[str, Any]:
    """Read a file's settings; none where it has none, or cannot be read."""
    try:
        read = _read(file)
    except Exception:  # it is named where it is read
        return {}
    return read if isinstance(read, dict) else {}


def _credentials_of_others() -> Iterator[Path]:
    return (file for file in (here.conf.rglob("credentials*.y*ml") if here.conf else []))


def _where(name: str, kind: str = "") -> str:
    """The last file that has the first part of a name; `conf/` where none is found."""
    first = name.split(".")[0]
    files = [file for file in _files() if kind in file.name and first in mapping_of(file)]
    return short(files[-1]) if files else "conf/"
