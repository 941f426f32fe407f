"""Edit what the generator draws, and judge the edits."""

from dcgan_pipeline.pipelines.edits.pipeline import create_annotated_pipeline, create_pipeline

__all__ = ["create_annotated_pipeline", "create_pipeline"]
