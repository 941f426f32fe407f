"""Judge the features with a linear L2-SVM."""

from dcgan_pipeline.pipelines.evaluate.pipeline import create_curve_pipeline, create_pipeline

__all__ = ["create_curve_pipeline", "create_pipeline"]
