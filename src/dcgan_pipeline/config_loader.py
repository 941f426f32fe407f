"""The project's configuration: Kedro's, with places and numbers as they are written, and a list of who reads which."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import OmegaConf

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.misread import misread
from dcgan_pipeline.schema import MISSING, QUOTE_IT

_PLACES = ("filepath", "path", "filename")  # the keys whose values Kedro takes for paths
READ_BY_ALL = ("mlflow", "credentials", "protocols")  # kinds of files that every run reads


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader of YAML files and of the settings that a run was given.

    ``${...}`` stands for another setting in files alone: what a run was given is taken as it is. A ``~`` at the start
    of a place in the catalog is the home folder.
    """

    _noted: set[str] | None = None
    _trial: tuple[str, str] | None = None

    def __init__(self, conf_source: str, env: str | None = None, runtime_params: Any = None, **options: Any) -> None:
        super().__init__(conf_source, env, _escaped(runtime_params or {}), **options)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Read files of a kind: ``catalog``, ``parameters``, ``mlflow``."""
        found = super().__getitem__(key)
        return _places(found) if key == "catalog" else found

    def readers(self) -> dict[str, dict[str, set[str]]]:
        """Find what reads which names by ``${runtime_params:name}``, in the files as they are written.

        Returns
        -------
        dict
            By the kind of the files, then by entry of the catalog or by name of the parameters: the names read.
        """
        self._register_runtime_params_resolver()
        return {key: self._names_read(key) for key in ("catalog", "parameters", *READ_BY_ALL)}

    @staticmethod
    def _soft_merge(config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None) -> Any:
        """Lay an environment over base; both are resolved, and Kedro's own way would read ``${`` in a value again."""
        return _laid_over(config, env_config)

    def _read_dir_configs(self, conf_path: str, *arguments: Any, **named: Any) -> Any:
        """Read the files of a folder as Kedro does, and refuse numbers that YAML takes for others."""
        found = super()._read_dir_configs(conf_path, *arguments, **named)
        for file in sorted(found):
            with self._fs.open(file.as_posix()) as opened:
                line = misread(opened.read().decode())
            if line:
                raise InputError(f"{'/'.join(file.parts[-3:])}: {line}")
        return found

    def _names_read(self, key: str) -> dict[str, set[str]]:
        try:
            base, env, *_ = self._read_raw_config(key)
        except (KeyError, MissingConfigException):  # there need not be files of that kind
            return {}
        found: dict[str, set[str]] = defaultdict(set)
        for files in (base, env):
            merged: Any = OmegaConf.unsafe_merge(*files.values()) if files else {}
            for entry in map(str, merged):
                if key == "catalog":
                    found[entry] = set()  # an entry of an environment takes the place of the one in base
                found[entry] |= self._names_in(merged, entry)
        return dict(found)

    def _names_in(self, merged: Any, entry: str) -> set[str]:
        """Those whose value changes what the entry is: a default of a default may be looked up and not be used."""
        self._noted, self._trial = set(), None
        try:
            _resolved(merged, entry)
            both = {name: [self._tried(merged, entry, name, value) for value in "12"] for name in list(self._noted)}
            return {name for name, (one, other) in both.items() if one != other}
        finally:
            self._noted, self._trial = None, None

    def _tried(self, merged: Any, entry: str, name: str, value: str) -> Any:
        self._trial = name, value
        return _resolved(merged, entry)

    def _get_runtime_value(self, variable: str, *default: Any) -> Any:
        """Resolve ``${runtime_params:...}``; while readers are looked for, note its name."""
        if self._noted is None:
            return super()._get_runtime_value(variable, *default)
        self._noted.add(variable)
        if self._trial and self._trial[0] == variable:
            return self._trial[1]
        return super()._get_runtime_value(variable, *(default or ("",)))


def _resolved(merged: Any, entry: str) -> Any:
    node = merged[entry]  # resolves a text
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {name: _laid_over(below[name], value) for name, value in above.items() if _are_mappings(below, name, value)}
    return {**below, **above, **both}


def _are_mappings(below: dict[str, Any], name: str, value: Any) -> bool:
    return isinstance(value, dict) and isinstance(below.get(name), dict)


def _escaped(value: Any) -> Any:
    """Keep OmegaConf from reading ``${...}`` in what a run was given; ``???`` is its word for a missing value."""
    if value == "???":
        raise InputError(MISSING)
    if isinstance(value, Mapping):
        return {name: _escaped(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(inner) for inner in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def _places(values: dict[str, Any], entry: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            value = _places(value, f"{entry}.{name}" if entry else name)
        elif name in _PLACES and not (value is None and ("." in entry or name != "filepath")):
            if not isinstance(value, str) or not value.strip():
                fix = "name one" if value is None or isinstance(value, str) else QUOTE_IT
                raise InputError(f"{entry}.{name} in the catalog must be a path, got {value!r}; {fix}")
            value = os.path.expanduser(value)
        found[name] = value
    return found
