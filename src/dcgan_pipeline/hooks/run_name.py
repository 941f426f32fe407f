"""What a run is called, on the screen and in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.framework.project import pipelines

from dcgan_pipeline.parameters import flat

# What chooses some of the nodes, as `kedro run` names it.
_FILTERS = {
    "from_inputs": "from-inputs",
    "to_outputs": "to-outputs",
    "from_nodes": "from-nodes",
    "to_nodes": "to-nodes",
    "node_names": "nodes",
    "tags": "tags",
    "namespaces": "namespaces",
}


def run_name(run_params: dict[str, Any]) -> str:
    """Say in a few words what a run was: pipelines or nodes, environment, changed parameters."""
    names = pipelines_of(run_params) or ["__default__"]
    filters = [f"{word}={'+'.join(run_params[key])}" for key, word in _FILTERS.items() if run_params.get(key)]
    if run_params.get("only_missing_outputs"):
        filters.append("only missing outputs")
    everything = names == ["__default__"]
    parts = [*([] if everything and filters else ["all stages" if everything else "+".join(names)]), *filters]
    if run_params.get("env") not in (None, "local"):
        parts.append(run_params["env"])
    parts += [f"{name}={value}" for name, value in flat(run_params.get("runtime_params") or {}).items()]
    return " · ".join(parts)


def pipelines_of(run_params: Mapping[str, Any]) -> list[str]:
    """Name the pipelines that a run was given, in the order of the registry: `kedro run` has made a set of them."""
    order = {name: k for k, name in enumerate(pipelines)}
    return sorted(run_params.get("pipeline_names") or [], key=lambda name: order.get(name, len(order)))
