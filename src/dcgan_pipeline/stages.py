"""The stages and the tools, each declared once: its settings, its checks, its pipeline, and whether it needs labels.

The registry names their pipelines, the hooks parse their settings and call their checks, and the tests read this list.
To add a stage, write a package in ``pipelines/``, a settings class, a file of ``conf/base``, and one line here. Modules
are named here, and imported when they are asked for: ``kedro run --help`` must not load PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from dcgan_pipeline.schema import Settings

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline


@dataclass(frozen=True)
class Stage:
    """A part of the project that a run can name."""

    name: str
    """Of the pipeline, and of its settings in ``params:``."""
    settings: str
    """Module and class, below ``dcgan_pipeline``."""
    in_default_run: bool = True
    needs_labels: bool = False
    has_check: bool = False
    """Whether the package has ``checks.check``, called before a run that reads its settings."""

    def settings_class(self) -> type[Settings]:
        """Import the settings class."""
        module, name = self.settings.split(":")
        return cast(type[Settings], getattr(import_module(f"dcgan_pipeline.{module}"), name))

    def create_pipeline(self) -> Pipeline:
        """Import the package, and make its pipeline."""
        return cast("Pipeline", import_module(f"dcgan_pipeline.pipelines.{self.name}").create_pipeline())

    def check(self, parsed: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Check what its settings say of one another, of the images and of this machine.

        Parameters
        ----------
        parsed
            The settings of everything that is about to run, by stage.

        Raises
        ------
        InputError
            Where they do not fit.
        """
        if self.has_check:
            import_module(f"dcgan_pipeline.pipelines.{self.name}.checks").check(parsed, pipeline, catalog)


STAGES = (
    Stage("faces", "imaging.settings:FacesSettings"),
    Stage("preprocess", "imaging.settings:PreprocessSettings"),
    Stage("dedup", "dedup.settings:DedupSettings"),
    Stage("train", "gan.settings:TrainSettings", has_check=True),
    Stage("features", "evaluation.settings:FeaturesSettings", needs_labels=True),
    Stage("evaluate", "evaluation.settings:EvaluateSettings", needs_labels=True, has_check=True),
    Stage("baselines", "evaluation.baselines:BaselinesSettings", in_default_run=False),
    Stage("visualize", "visualize.settings:VisualizeSettings"),
    Stage("attributes", "attributes.settings:AttributesSettings", needs_labels=True, has_check=True),
    Stage("edits", "edits.settings:EditsSettings", needs_labels=True),
    Stage("sample", "visualize.settings:SampleSettings", in_default_run=False),
    Stage("import_weights", "gan.settings:ImportSettings", in_default_run=False),
)
IN_DEFAULT_RUN = tuple(stage.name for stage in STAGES if stage.in_default_run)


def stage_settings() -> dict[str, type[Settings]]:
    """Return the settings classes by name: of every stage, and of the engine."""
    from dcgan_pipeline.engine import EngineSettings

    return {"engine": EngineSettings} | {stage.name: stage.settings_class() for stage in STAGES}
