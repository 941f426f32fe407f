"""Kedro's project settings: hooks, and where the configuration is."""

from pathlib import Path

from kedro.utils import find_kedro_project

from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.hooks import (
    InterruptHooks,
    LineageHooks,
    ProblemHooks,
    ProtocolHooks,
    RunEndHooks,
    SettingsHooks,
    SummaryHooks,
    ThreadsHooks,
    TrackingHooks,
)
from dcgan_pipeline.problems.shown import show_in_one_line

show_in_one_line()  # here, since much can be wrong before the first hook

# Hooks of one kind run in the reverse of this order.
HOOKS = (
    SummaryHooks(),
    RunEndHooks(),
    TrackingHooks(),
    ThreadsHooks(),
    InterruptHooks(),
    ProblemHooks(),
    SettingsHooks(),
    ProtocolHooks(),
    LineageHooks(),
)

# TrackingHooks stand in for them. Its settings, commands and datasets stay.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-mlflow")


def _project_path() -> str:
    return (find_kedro_project(Path.cwd()) or Path.cwd()).resolve().as_posix()


CONFIG_LOADER_CLASS = ProjectConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment changes the settings that it names and leaves the others of a stage alone.
    "merge_strategy": {"parameters": "soft", "mlflow": "soft"},
    "custom_resolvers": {"project_path": _project_path},
    "config_patterns": {"protocols": ["protocols*"]},
}
