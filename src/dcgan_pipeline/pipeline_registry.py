"""The stages by name; ``kedro run`` runs them all."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from dcgan_pipeline.pipelines import dedup, evaluate, faces, features, preprocess, train, visualize

STAGES = {
    "faces": faces,
    "preprocess": preprocess,
    "dedup": dedup,
    "train": train,
    "features": features,
    "evaluate": evaluate,
    "visualize": visualize,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Name the pipelines.

    Each stage; ``unsupervised`` (all that needs no labels); ``dedup_new`` (in place of ``dedup``, for images that come
    after others); and ``__default__`` (all stages).
    """
    pipelines = {name: stage.create_pipeline() for name, stage in STAGES.items()}
    unsupervised = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in ("features", "evaluate")),
        Pipeline([]),
    )
    everything = sum(pipelines.values(), Pipeline([]))
    new = dedup.create_incremental_pipeline()
    return {**pipelines, "dedup_new": new, "unsupervised": unsupervised, "__default__": everything}
