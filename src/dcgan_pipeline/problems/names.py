"""Misspelt names on the command line: of an environment, a pipeline, a node, an entry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from kedro.pipeline import Pipeline

from dcgan_pipeline.errors import shortened

_MANY = 20  # names, which nobody reads through
_PIPELINE = re.compile(r"Failed to find the pipeline named '(.*?)'")
_NODES = re.compile(r"does not contain nodes named \[(.*?)\]")
_DATASETS = re.compile(r"does not contain datasets named \[(.*?)\]")
_NAMESPACES = re.compile(r"nodes with the following namespaces: \[(.*?)\]")
_TWICE = re.compile(r"Pipeline nodes must have unique names.*?- ([\w.]+)", re.DOTALL)
_ENTRIES = re.compile(r"'load_versions' keys \[(.*?)\]")


def must_be_one_of(what: str, given: str, known: Iterable[str]) -> str:
    """Say what is known, and what was probably meant."""
    known = list(known)
    near = get_close_matches(given, known, n=1) or [name for name in known if name.split(".")[-1] == given]
    if near and len(known) > _MANY:
        return f"{what} must be one that is there, got {given!r}; did you mean {near[0]}?"
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"{what} must be one of {shortened(known, 30)}, got {given!r}{meant}"


def pipeline(causes: list[BaseException]) -> str | None:
    """--pipelines."""
    if found := _search(_PIPELINE, causes):
        return must_be_one_of("a pipeline", found, _registry())
    return None


def parts(causes: list[BaseException]) -> str | None:
    """--nodes, --from-nodes, --to-nodes, --from-inputs, --to-outputs, --namespaces and --tags."""
    nodes = {node.name: node for pipeline in _registry().values() for node in pipeline.nodes}.values()
    entries = {name for node in nodes for name in [*node.inputs, *node.outputs] if ":" not in name}
    for pattern, what, known in (
        (_NODES, "a node", [node.name for node in nodes]),
        (_DATASETS, "an input or output", sorted(entries)),
        (_NAMESPACES, "a namespace", dict.fromkeys(node.namespace for node in nodes if node.namespace)),
    ):
        if found := _search(pattern, causes):
            if found in known:
                return f"{what} must be in the pipelines that run, and {found} is not in them; change --pipelines"
            return must_be_one_of(what, found, known)
    if any("contains no nodes after applying all provided filters" in str(error) for error in causes):
        tags = shortened(sorted({tag for node in nodes for tag in node.tags}), 25)
        return f"the filters must leave a node to run, and leave none; the tags of nodes are {tags}"
    return None


def load_versions(causes: list[BaseException]) -> str | None:
    """--load-versions."""
    found = _search(_ENTRIES, causes)
    if not found:
        return None
    known = sorted({name for node in _registry()["__default__"].nodes for name in node.inputs if ":" not in name})
    return must_be_one_of("--load-versions names entries of the catalog; each", found.split(", ")[0], known)


def together(causes: list[BaseException]) -> str | None:
    """--pipelines, of which two make the same."""
    if found := _search(_TWICE, causes):
        made = found.rsplit(".")[-1].removeprefix("write_")
        return f"pipelines that run together must not make the same thing, and two make {made}; leave one of them out"
    return None


TRANSLATORS = (pipeline, parts, load_versions, together)


def _search(pattern: re.Pattern[str], causes: list[BaseException]) -> str:
    found = next((match for error in causes if (match := pattern.search(str(error)))), None)
    return found.group(1).split(", ")[0].strip("'\"") if found else ""


def _registry() -> dict[str, Pipeline]:
    from dcgan_pipeline.pipeline_registry import register_pipelines

    return register_pipelines()
