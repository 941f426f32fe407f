"""Draw what the generator learned."""

from dcgan_pipeline.pipelines.visualize.pipeline import create_pipeline, create_report_pipeline

__all__ = ["create_pipeline", "create_report_pipeline"]
