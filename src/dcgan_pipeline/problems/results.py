"""Results that a run needs and that are not there, or are damaged."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.io import AbstractVersionedDataset, CatalogProtocol
from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.errors import first_line
from dcgan_pipeline.files import short
from dcgan_pipeline.problems.here import here
from dcgan_pipeline.problems.machine import nearest, path_problem
from dcgan_pipeline.schema import joined

_NO_VERSION = re.compile(r"(?:^|\s)(\w+): Did not find any versions")
# What chooses some of the nodes of pipelines.
FILTERS = ("from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs", "namespaces", "tags")
_LOADED = re.compile(r"(\w+): Failed while loading data from dataset")


# ---- before a run


def lacking(pipeline: Pipeline, catalog: CatalogProtocol, run_params: dict[str, Any]) -> str | None:
    """Say what a run needs and no run has made yet, and which command makes it; None where nothing is missing."""
    names = _without_version(pipeline, catalog)
    if not names:
        return None
    asked = run_params.get("pipeline_names") or ["__default__"]
    needed = list(_makers(names, catalog))
    parts = any(run_params.get(key) for key in FILTERS)
    after = [] if parts or _in_two(needed, asked) else [name for name in asked if name not in needed]
    made = command(run_params, pipeline_names=[*needed, *after])
    first = "" if after else " first"
    who = "this run" if asked == ["__default__"] else _listed([f"`{name}`" for name in sorted(asked)])
    need = "need" if len(asked) > 1 else "needs"
    return f"{who} {need} {_listed(names)}, which no run has made yet; run `{made}`{first}"


def unwritable(pipeline: Pipeline, catalog: CatalogProtocol) -> str | None:
    """Say which folder of what a run will write cannot be written; None where all can."""
    for name in sorted(pipeline.all_outputs()):
        dataset = catalog.get(name)
        if getattr(dataset, "_protocol", "") != "file":
            continue
        folder = Path(os.path.abspath(dataset._filepath))  # type: ignore[union-attr]
        there = nearest(folder)
        if there.is_file() and there != folder:  # an unversioned entry is a file itself
            return path_problem(errno.ENOTDIR, there)
        if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
            read_only = os.statvfs(there).f_flag & os.ST_RDONLY
            return path_problem(errno.EROFS if read_only else errno.EACCES, there)
    return None


def command(run_params: dict[str, Any], **changed: Any) -> str:
    """The command line of a run like this one, with some changes, and of what it was given that which is read then.

    Of what chooses some of the nodes it has ``node_names`` alone, where they are among the changes.
    """
    from dcgan_pipeline.parameters import flat

    asked = run_params | {"node_names": ()} | changed
    words = ["kedro run"]
    if asked.get("env") not in (None, "local"):
        words.append(f"--env={asked['env']}")
    names = asked.get("pipeline_names") or []
    if names:
        words.append(f"--pipelines={','.join(names)}")
    if asked["node_names"]:
        words.append(f"--nodes={','.join(asked['node_names'])}")
    if asked.get("only_missing_outputs"):
        words.append("--only-missing-outputs")
    if (source := _conf_source(asked)) is not None:
        words.append(shlex.quote(f"--conf-source={source}"))
    nodes = _nodes(asked)
    made = {name for node in nodes for name in node.outputs}
    read = {name for node in nodes for name in node.inputs} - made
    versions = {name: version for name, version in (asked.get("load_versions") or {}).items() if name in read}
    if versions:
        words.append(f"--load-versions={','.join(f'{name}:{version}' for name, version in versions.items())}")
    given = {name: value for name, value in flat(asked.get("runtime_params") or {}).items() if _is_read(name, nodes)}
    if given:
        text = joined((f"{name}={_given(value)}" for name, value in given.items()), ",")
        words.append(shlex.quote(f"--params={text}"))
    return " ".join(words)


def _nodes(asked: dict[str, Any]) -> list[Node]:
    """The nodes that a command runs."""
    from dcgan_pipeline.pipeline_registry import register_pipelines

    registry = register_pipelines()
    nodes = (node for name in asked.get("pipeline_names") or ["__default__"] for node in registry[name].nodes)
    return [node for node in nodes if not asked["node_names"] or node.name in asked["node_names"]]


def _is_read(setting: str, nodes: list[Node]) -> bool:
    """Whether some of the nodes read a setting; a run refuses one that none reads."""
    if here.loader is None or here.catalog is None:
        return True
    from dcgan_pipeline.hooks.given import Readers

    return bool(Readers(here.loader, here.catalog).among(nodes, setting))


def _conf_source(asked: dict[str, Any]) -> str | None:
    """Where the settings are, unless that is the project's own conf/."""
    source = str(here.loader.conf_source) if here.loader else ""
    project = asked.get("project_path")
    return source if source and project and Path(source) != Path(project) / "conf" else None


def _given(value: Any) -> Any:
    """As ``--params`` takes it."""
    if isinstance(value, list | tuple):
        return joined(map(str, value), "+")
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else value


def _without_version(pipeline: Pipeline, catalog: CatalogProtocol) -> list[str]:
    inputs = (name for name in sorted(pipeline.inputs()) if not name.startswith("params:") and name in catalog)
    versioned = ((name, catalog.get(name)) for name in inputs)
    return [
        name
        for name, dataset in versioned
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version and not dataset.exists()
    ]


def _makers(names: list[str], catalog: CatalogProtocol) -> Iterator[str]:
    """The stages that make some entries, and what these need that is not there either, in their order."""
    from dcgan_pipeline.pipeline_registry import register_pipelines

    registry = register_pipelines()
    wanted, found = list(names), set()
    while wanted:
        name = wanted.pop()
        maker = next((stage for stage, pipeline in registry.items() if name in pipeline.all_outputs()), None)
        if maker and maker not in found:
            found.add(maker)
            wanted += _without_version(registry[maker], catalog)
    return (stage for stage in registry if stage in found)


def _in_two(needed: list[str], asked: list[str]) -> bool:
    """Whether two of the pipelines make the same, so that they cannot run at once: dedup and dedup_new."""
    from dcgan_pipeline.pipeline_registry import register_pipelines

    registry = register_pipelines()
    nodes = {node.name: node for name in [*needed, *asked] for node in registry[name].nodes}
    outputs = [output for node in nodes.values() for output in node.outputs]
    return len(set(outputs)) < len(outputs)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---- in a run, or in a notebook


def never_made(causes: list[BaseException]) -> str | None:
    """An entry that is loaded, in a notebook or in a run, before a run has made it."""
    from kedro.io.core import VersionNotFoundError

    if not any(isinstance(error, VersionNotFoundError) for error in causes):
        return None
    found = next((match for error in causes if (match := _NO_VERSION.search(str(error)))), None)
    if not found or here.catalog is None:
        return None
    needed = list(_makers([found.group(1)], here.catalog))
    made = f"; run `{command(here.run_params, pipeline_names=needed)}`" if needed else ""
    return f"{found.group(1)} must have been made before it is loaded, and no run has made it yet{made}"


def damaged(causes: list[BaseException]) -> str | None:
    """A version whose file is cut short or overwritten."""
    import json
    import zlib

    import pyarrow
    from PIL import UnidentifiedImageError

    kinds = (json.JSONDecodeError, UnicodeDecodeError, zlib.error, pyarrow.ArrowInvalid, UnidentifiedImageError)
    # PyArrow tells of flipped bits by an OSError that no system has numbered.
    reason = next((e for e in causes if isinstance(e, kinds) or (type(e) is OSError and e.errno is None)), None)
    found = next((match for error in causes if (match := _LOADED.search(str(error)))), None)
    if reason is None or found is None or here.catalog is None:
        return None
    path = Path(here.catalog.get(found.group(1))._get_load_path())
    return damage(found.group(1), path.parent, first_line(reason).rstrip("."))


def damage(name: str, version: Path, reason: str) -> str:
    """Say that a version is damaged, and what follows."""
    return (
        f"{name} must be whole, and its version {version.name} is not ({reason}); remove {short(version)}, so that "
        "the one before it is the latest, or run the stage that makes it again"
    )


TRANSLATORS = (never_made, damaged)
