"""Make a ``gan`` of networks that their authors published."""

from dcgan_pipeline.pipelines.import_weights.pipeline import create_pipeline, create_pipeline_with_images

__all__ = ["create_pipeline", "create_pipeline_with_images"]
