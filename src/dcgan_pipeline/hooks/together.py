"""Settings that those of another stage, or this machine, switch off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from dcgan_pipeline.schema import unless


def inert_together(parsed: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> dict[str, str]:
    """Name the settings that have no effect in this run, each with the reason, as ``Settings.inert`` does for a stage.

    Parameters
    ----------
    parsed
        The complete settings of the stages that run, by name.
    """
    found: dict[str, str] = {}
    if _readers(pipeline, "engine") == {"train"}:
        found |= _engine_of_training(parsed)
    if "sample" in parsed and _readers(pipeline, "seed") == {"sample"}:
        own = parsed["sample"].seed
        found |= unless(own is None, f"sample.seed is {own}", "seed")
    if "train" in parsed and parsed["train"].data == "auto":
        from dcgan_pipeline.devices import resolve_device

        on_cpu = resolve_device(catalog.load("params:device")).type == "cpu"
        found |= unless(not on_cpu, "train.data is auto, which streams the images on a CPU", "train.device_memory")
    return found


def _engine_of_training(parsed: Mapping[str, Any]) -> dict[str, str]:
    """Training takes from it the cluster alone, and that for several processes."""
    processes, name = parsed["train"].processes, parsed["engine"].name
    alone = unless(processes > 1, "training alone runs, and train.processes is 1", "engine")
    here = unless(name == "ray", f"training alone runs, and engine.name is {name}", "engine.workers")
    return here | alone


def _readers(pipeline: Pipeline, name: str) -> set[str]:
    """The stages of the nodes that read a setting or a group of settings."""
    return {tag for node in pipeline.nodes if f"params:{name}" in node.inputs for tag in node.tags}
