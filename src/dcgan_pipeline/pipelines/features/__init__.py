"""Turn the discriminator into a feature extractor."""

from dcgan_pipeline.pipelines.features.pipeline import create_pipeline

__all__ = ["create_pipeline"]
