"""Learn to tell what the images are known to have, and where."""

from dcgan_pipeline.pipelines.attributes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
