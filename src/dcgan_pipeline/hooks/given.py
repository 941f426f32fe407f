"""What a run was given must be used by it: every setting, every tag."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from dcgan_pipeline.config_loader import READ_BY_ALL, ProjectConfigLoader
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.hooks.run_name import pipelines_of
from dcgan_pipeline.parameters import flat
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.stages import IN_DEFAULT_RUN

_GROUPING = {"group_duplicates", "group_apart", "group_new_duplicates"}
_JUDGING = {"judge_features", "compare_baselines"}
# A node gets the settings of its stage as a whole. These are read by some of the stage's nodes alone.
READ_BY = {
    "faces.sheet_images": {"draw_contact_sheet"},
    "dedup.autoencoder": {"train_hash_encoder"},
    "dedup.audit": {"audit_duplicates"},
    "dedup.keep": _GROUPING,
    "dedup.always_keep": _GROUPING,
    "dedup.gallery_groups": {"draw_collisions"},
    "dedup.gallery_members": {"draw_collisions"},
    "evaluate.curve": {"trace_label_curve"},
    "evaluate.curve_draws": {"trace_label_curve"},
    "evaluate.labels_per_class": _JUDGING,
    "evaluate.report_draws": _JUDGING,
    "evaluate.learned_from": {*_JUDGING, "judge_samples"},
    "evaluate.judged_on": {*_JUDGING, "judge_samples"},
    "attributes.names": {"read_attributes"},
    "attributes.most": {"read_attributes"},
    "attributes.model": {"learn_attributes"},
    "baselines.supervised": {"compare_baselines"},
    "baselines.fine_tuned": {"compare_baselines"},
}


class Readers:
    """Who reads a setting: nodes by their inputs, and entries of the catalog by ``${runtime_params:...}``."""

    def __init__(self, loader: ProjectConfigLoader, catalog: CatalogProtocol) -> None:
        self._catalog, self._files = catalog, loader.readers()
        self._by_all = {x for key in READ_BY_ALL for names in self._files[key].values() for x in names}

    def names(self) -> set[str]:
        """What the files of this environment read of what a run was given."""
        return {name for entries in self._files.values() for names in entries.values() for name in names}

    def among(self, nodes: list[Node], setting: str) -> list[Node]:
        """Those of the nodes that read a setting, by its full name: ``train.steps``."""
        return [node for node in nodes if self._reads(node, setting)]

    def _reads(self, node: Node, setting: str) -> bool:
        used = [*node.inputs, *node.outputs]
        if setting == "threads":  # every node computes in them
            return True
        return any(_covers(name, setting) for name in self._by_all) or any(self._uses(node, x, setting) for x in used)

    def _uses(self, node: Node, used: str, setting: str) -> bool:
        if used == "parameters":
            return True
        if used.startswith("params:"):
            name = used.removeprefix("params:")
            through = self._files["parameters"].get(name.split(".")[0], set())
            return (_covers(name, setting) and _is_for(node, setting)) or any(_covers(x, setting) for x in through)
        entries = self._files["catalog"]
        entry = used if used in entries else self._catalog.config_resolver.match_dataset_pattern(used)  # type: ignore[attr-defined]
        return any(_covers(name, setting) for name in entries.get(entry or "", ()))


def _covers(name: str, setting: str) -> bool:
    """Whether one is the other, or below it."""
    return f"{setting}.".startswith(f"{name}.") or f"{name}.".startswith(f"{setting}.")


def _is_for(node: Node, setting: str) -> bool:
    if not node.func.__module__.startswith("dcgan_pipeline.pipelines."):
        return True  # a node that a user added
    wanted = [nodes for name, nodes in READ_BY.items() if f"{setting}.".startswith(f"{name}.")]
    return not wanted or node.name.rsplit(".")[-1] in wanted[0]


def refuse_unread(run_params: Mapping[str, Any], pipeline: Pipeline, readers: Readers) -> None:
    """Refuse a setting that was given for this run and that nothing in it reads.

    Raises
    ------
    InputError
        With the stages to run where it is to count.
    """
    for name, value in flat(run_params.get("runtime_params") or {}).items():
        if not readers.among(pipeline.nodes, name):
            run = "+".join(pipelines_of(run_params) or ["the default pipeline"])
            raise InputError(
                f"a setting must be read by something that runs, and nothing in this run of {run} reads {name}, got "
                f"{value!r}; {_fix(name, pipeline, readers)}leave it out"
            )


def not_made_again(
    given: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol, readers: Readers
) -> list[str]:
    """Name the settings of which all readers are left out by ``--only-missing-outputs``, by Kedro's own rule.

    They are no mistake where the same command goes on from where it was stopped.
    """
    left = _Silent()._filter_pipeline_for_missing_outputs(pipeline, catalog)
    return [name for name in flat(given) if not readers.among(left.nodes, name)]


class _Silent(SequentialRunner):
    """A runner that does not say what it leaves out: that of the run will."""

    @property
    def _logger(self) -> logging.Logger:
        return logging.Logger("nobody's")


def _fix(setting: str, pipeline: Pipeline, readers: Readers) -> str:
    """Say which stages read the setting, and what is between them and those that run."""
    registered = register_pipelines()
    made = pipeline.all_outputs() | {node.name for node in pipeline.nodes}
    others = [node for node in registered["__default__"].nodes if not made & {node.name, *node.outputs}]
    whole = Pipeline([*pipeline.nodes, *others])
    if first := readers.among(whole.nodes, setting):
        ends = [node.name for node in pipeline.nodes]
        path = whole.from_nodes(*(node.name for node in first)) & whole.to_nodes(*ends)
        stages = _in_order(_stages(path)) or _in_order(_stages(Pipeline(first)))[:1]
        return f"run --pipelines={','.join(stages)}, or "
    tools = [name for name, other in registered.items() if readers.among(other.nodes, setting)]
    return f"run --pipelines={tools[0]}, or " if tools else ""


def _tags(pipeline: Pipeline) -> set[str]:
    return {tag for node in pipeline.nodes for tag in node.tags}


def _stages(pipeline: Pipeline) -> set[str]:
    """The tags of its nodes, without those of single figures."""
    return {tag for node in pipeline.nodes for tag in node.tags & set(IN_DEFAULT_RUN) or node.tags}


def _in_order(tags: set[str]) -> list[str]:
    return [name for name in IN_DEFAULT_RUN if name in tags] + sorted(tags - set(IN_DEFAULT_RUN))


def refuse_inert(
    given: Mapping[str, Any], parsed: Mapping[str, Settings], together: Mapping[str, str] | None = None
) -> None:
    """Refuse a setting that was given for this run and that another one switches off.

    Parameters
    ----------
    given
        What the run was given, nested.
    parsed
        The complete settings of the stages that run, by name.
    together
        Settings that another stage's or the machine switches off, each with the reason.
    """
    reasons = {k: why for stage, settings in parsed.items() for k, why in settings.inert_below(stage).items()}
    reasons |= together or {}
    for name, value in flat(given).items():
        for inert, why in reasons.items():
            if value is not None and f"{name}.".startswith(f"{inert}."):
                raise InputError(f"{name} has no effect, since {why}, got {value!r}; change that, or leave {name} out")


def refuse_unknown_tags(tags: Any, pipeline: Pipeline) -> None:
    """Refuse a tag that no node of the run has: Kedro runs the nodes that have any of several."""
    known = _in_order(_tags(pipeline))
    if unknown := [tag for tag in tags or () if tag not in known]:
        raise InputError(
            f"--tags must be of the stages that run, {shortened(known)}, got {shortened(unknown)}; correct it"
        )
