"""Draw images from a trained generator."""

from dcgan_pipeline.pipelines.sample.pipeline import create_pipeline

__all__ = ["create_pipeline"]
