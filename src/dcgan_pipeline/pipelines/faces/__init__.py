"""Choose the regions of every image."""

from dcgan_pipeline.pipelines.faces.pipeline import create_pipeline

__all__ = ["create_pipeline"]
