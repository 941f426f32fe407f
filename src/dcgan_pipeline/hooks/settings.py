"""Settings are completed and checked before the first node."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline

from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.errors import InputError

log = logging.getLogger(__name__)


class ProtocolHooks:
    """Complete ``params:evaluate`` by the protocol that it names, so that every node and MLflow see the whole of it."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read `protocols.yml`, as every file of settings is read: an environment's over those of `base`."""
        self._protocols = context.config_loader["protocols"]

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Put the completed settings in the place of the given ones."""
        from dcgan_pipeline.evaluation.settings import EvaluateSettings

        parameters = catalog.load("parameters")
        if "evaluate" in parameters:
            completed = EvaluateSettings.laid_over(parameters["evaluate"], self._protocols)
            for name, value in (("parameters", parameters | {"evaluate": completed}), ("params:evaluate", completed)):
                cast(MemoryDataset, catalog.get(name)).save(value)  # `catalog[name] = value` would be warned of


class SettingsHooks:
    """Refuse wrong settings, and those that would change nothing, before the first node and before an MLflow run."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the reader of files, which knows what they read of what a run is given."""
        self._loader = cast(ProjectConfigLoader, context.config_loader)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Check what the run was given, and parse the settings of every stage that is about to run."""
        from dcgan_pipeline.devices import resolve_device
        from dcgan_pipeline.hooks.given import Readers, not_made_again, refuse_inert, refuse_unknown_tags, refuse_unread
        from dcgan_pipeline.hooks.together import inert_together
        from dcgan_pipeline.hooks.versions import check_load_versions
        from dcgan_pipeline.parameters import SharedSettings
        from dcgan_pipeline.stages import STAGES, stage_settings

        given, values = run_params.get("runtime_params") or {}, catalog.load("parameters")
        readers = Readers(self._loader, catalog)
        _refuse_unknown(values, given, readers.names())
        refuse_unknown_tags(run_params.get("tags"), pipeline)
        check_load_versions(run_params.get("load_versions") or {}, pipeline, catalog)
        refuse_unread(run_params, pipeline, readers)
        missing_alone = run_params.get("only_missing_outputs")
        if missing_alone and (unused := not_made_again(given, pipeline, catalog, readers)):
            text = "%s: what is made by it is there, and is not made again (--only-missing-outputs)"
            log.warning(text, ", ".join(unused))
        shared = {name: values[name] for name in SharedSettings.model_fields if name in values}
        SharedSettings.parse(shared, "")
        read = {name.removeprefix("params:").split(".")[0] for name in pipeline.inputs() if name.startswith("params:")}
        needed = [name for name in stage_settings() if name in read]
        parsed = {name: stage_settings()[name].parse(values[name], name) for name in needed}
        refuse_inert(given, _as_read(parsed, pipeline), inert_together(parsed, pipeline, catalog))
        if "params:device" in pipeline.inputs():
            resolve_device(catalog.load("params:device"))
        for stage in STAGES:
            if stage.name in parsed:
                stage.check(parsed, pipeline, catalog)


def _refuse_unknown(values: Mapping[str, Any], given: Mapping[str, Any], in_files: set[str]) -> None:
    """Refuse a name that is no setting; places are settings for one run, and no file of parameters gives them."""
    from dcgan_pipeline.parameters import SharedSettings
    from dcgan_pipeline.pipeline_registry import register_pipelines
    from dcgan_pipeline.stages import stage_settings

    inputs = {name for pipeline in register_pipelines().values() for name in pipeline.inputs()}
    read = {name.removeprefix("params:").split(".")[0] for name in inputs if name.startswith("params:")}
    places = sorted({name.split(".")[0] for name in in_files} - read)
    known = dict.fromkeys([*stage_settings(), *SharedSettings.model_fields, *sorted(read), *places])
    for name in values:
        if name not in known:
            raise InputError(f"{name} is not a setting; the settings are: {', '.join(known)}")
        if name in places and name not in given:
            raise InputError(
                f"{name} must be given for a run, and a parameters file gives it, as {values[name]!r}; write "
                f"--params={name}=..., or keep places of images in conf/local/globals.yml, others in catalog.yml"
            )


def _as_read(parsed: Mapping[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """Complete what switches settings off by what the nodes themselves change or leave."""
    found = dict(parsed)
    made = pipeline.all_outputs()
    if "evaluate" in found and "label_curve" in made:  # it puts its own numbers of labels in the place of one
        found["evaluate"] = found["evaluate"].model_copy(update={"labels_per_class": found["evaluate"].fewest_of_curve})
    return found
