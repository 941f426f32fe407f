"""Cut the regions out and downsample them."""

from dcgan_pipeline.pipelines.preprocess.pipeline import create_pipeline

__all__ = ["create_pipeline"]
