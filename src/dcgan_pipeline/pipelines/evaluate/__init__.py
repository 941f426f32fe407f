"""Judge the features with a linear L2-SVM."""

from dcgan_pipeline.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
