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
    """Name the pipelines: each stage, ``unsupervised`` (all that needs no labels), and ``__default__`` (all)."""
    pipelines = {name: stage.create_pipeline() for name, stage in STAGES.items()}
    unsupervised = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in ("features", "evaluate")),
        Pipeline([]),
    )
    return {**pipelines, "unsupervised": unsupervised, "__default__": sum(pipelines.values(), Pipeline([]))}
