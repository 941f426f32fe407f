"""Judge the features with a linear L2-SVM, and samples as a reference set."""

from dcgan_pipeline.pipelines.evaluate.pipeline import create_curve_pipeline, create_pipeline, create_samples_pipeline

__all__ = ["create_curve_pipeline", "create_pipeline", "create_samples_pipeline"]
