"""The stages by name; ``kedro run`` runs them all."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from dcgan_pipeline.pipelines import baselines, dedup, edits, evaluate, import_weights, sample, visualize
from dcgan_pipeline.stages import STAGES


def register_pipelines() -> dict[str, Pipeline]:
    """Name the pipelines.

    Each stage; ``unsupervised`` (all that needs no labels); and ``__default__`` (all stages). In place of ``dedup``:
    ``dedup_new`` (for images that come after others) and ``dedup_apart`` (which keeps what repeats a test image out of
    training). In place of ``train``: ``import_weights`` and ``import_weights_with_images`` (published networks). After
    ``evaluate``: ``baselines`` and ``label_curve``; for conditional networks ``evaluate_samples``. And ``sample``, and
    ``gan_report`` (the page about a ``gan`` alone, of what there is).
    """
    stages = [stage for stage in STAGES if stage.in_default_run]
    pipelines = {stage.name: stage.create_pipeline() for stage in stages}
    without_labels = [pipelines[stage.name] for stage in stages if not stage.needs_labels]
    unsupervised, everything = sum(without_labels, Pipeline([])), sum(pipelines.values(), Pipeline([]))
    pipelines["visualize"] = _reported(pipelines["visualize"])
    tools = {
        "dedup_apart": dedup.create_apart_pipeline(),
        "dedup_new": dedup.create_incremental_pipeline(),
        "annotated_edits": edits.create_annotated_pipeline(judged=False),
        "judged_annotated_edits": edits.create_annotated_pipeline(judged=True),
        "import_weights": import_weights.create_pipeline(),
        "import_weights_with_images": import_weights.create_pipeline_with_images(),
        "baselines": baselines.create_pipeline(),
        "evaluate_samples": evaluate.create_samples_pipeline(),
        "label_curve": evaluate.create_curve_pipeline(),
        "sample": sample.create_pipeline(),
        "gan_report": visualize.create_report_pipeline(set()),
    }
    return {**pipelines, **tools, "unsupervised": _reported(unsupervised), "__default__": _reported(everything)}


def _reported(pipeline: Pipeline) -> Pipeline:
    """End with the page about the ``gan``, after every figure that it can show."""
    return pipeline + visualize.create_report_pipeline(pipeline.all_outputs())
