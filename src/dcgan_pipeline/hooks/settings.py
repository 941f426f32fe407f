"""Settings are completed and checked before the first node."""

from __future__ import annotations

from typing import Any, cast

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline

from dcgan_pipeline.errors import InputError

# Parameters beside the stages' own; all but the first two are places, for `--params=source=...`.
SHARED = ("seed", "device", "source", "labelled_source", "test_source", "checkpoints")


class ProtocolHooks:
    """Complete ``params:evaluate`` by the protocol that it names, so that every node and MLflow see the whole of it."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read `protocols.yml`, as every file of settings is read: an environment's over those of `base`."""
        self._protocols = context.config_loader["protocols"]

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Put the completed settings in the place of the given ones."""
        from dcgan_pipeline.representation.settings import EvaluateSettings

        parameters = catalog.load("parameters")
        if "evaluate" in parameters:
            completed = EvaluateSettings.laid_over(parameters["evaluate"], self._protocols)
            for name, value in (("parameters", parameters | {"evaluate": completed}), ("params:evaluate", completed)):
                cast(MemoryDataset, catalog.get(name)).save(value)  # `catalog[name] = value` would be warned of


class SettingsHooks:
    """Refuse wrong settings of any stage before the first node, and before an MLflow run is opened."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Parse the settings of every stage that is about to run."""
        from dcgan_pipeline.devices import resolve_device
        from dcgan_pipeline.engine import EngineSettings
        from dcgan_pipeline.gan.conditional import refuse_conditional
        from dcgan_pipeline.gan.settings import ImportSettings, TrainSettings, resolve_architecture
        from dcgan_pipeline.hashing.settings import DedupSettings
        from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
        from dcgan_pipeline.inspection.settings import SampleSettings, VisualizeSettings
        from dcgan_pipeline.representation.baselines import BaselinesSettings
        from dcgan_pipeline.representation.labelled import check_labelled
        from dcgan_pipeline.representation.settings import EvaluateSettings, FeaturesSettings

        schemas: dict[str, Any] = {
            "engine": EngineSettings,
            "faces": FacesSettings,
            "preprocess": PreprocessSettings,
            "dedup": DedupSettings,
            "train": TrainSettings,
            "features": FeaturesSettings,
            "evaluate": EvaluateSettings,
            "baselines": BaselinesSettings,
            "visualize": VisualizeSettings,
            "sample": SampleSettings,
            "import_weights": ImportSettings,
        }
        given = catalog.load("parameters")
        known = [*schemas, *SHARED]
        for name in given:
            if name not in known:
                raise InputError(f"{name} is not a setting; the settings are: {', '.join(known)}")
        needed = [stage for stage in schemas if f"params:{stage}" in pipeline.inputs()]
        parsed = {stage: schemas[stage].parse(given[stage], stage) for stage in needed}
        if "params:device" in pipeline.inputs():
            resolve_device(given["device"])
        if "train" in parsed and "preprocess" in parsed:  # the images are yet to be made: they will fit, or not
            train, made = parsed["train"], parsed["preprocess"]
            shape = (1, made.channels, made.image_size, made.image_size)
            architecture = resolve_architecture(train.preset, train.architecture, shape)
            if any("features_trained_train" in node.outputs for node in pipeline.nodes):
                refuse_conditional(architecture.model_dump(), "features need")
        if "evaluate" in parsed:
            made = {name for node in pipeline.nodes for name in node.outputs}
            for name in ("evaluation", "label_curve", "comparison", "sample_evaluation"):
                if name in made:
                    parsed["evaluate"].judges("nearest" if name == "sample_evaluation" else "svm")
        if "evaluate" in parsed and "labelled_train" in pipeline.inputs():
            judged = parsed["evaluate"]
            if "label_curve" in made and "evaluation" not in made:
                judged = judged.model_copy(update={"labels_per_class": judged.fewest_of_curve})
            check_labelled(catalog.load("labelled_train"), catalog.load("labelled_test"), judged, given["seed"])
