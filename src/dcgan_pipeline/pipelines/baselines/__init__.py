"""What else could be made of the same images and labels."""

from dcgan_pipeline.pipelines.baselines.pipeline import create_pipeline

__all__ = ["create_pipeline"]
