"""What a run is called, on the screen and in MLflow."""

from __future__ import annotations

from typing import Any


def run_name(run_params: dict[str, Any]) -> str:
    """Say in a few words what a run was: pipelines, environment, changed parameters."""
    names = run_params.get("pipeline_names") or ["__default__"]
    parts = ["all stages" if names == ["__default__"] else "+".join(names)]
    if run_params.get("env") not in (None, "local"):
        parts.append(run_params["env"])
    parts += [f"{name}={value}" for name, value in _flat(run_params.get("runtime_params") or {})]
    return " · ".join(parts)


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, dict)
        found += _flat(value, f"{prefix}{name}.") if inner else [(prefix + name, value)]
    return found
