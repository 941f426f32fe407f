"""Find near-duplicates by semantic hashing."""

from dcgan_pipeline.pipelines.dedup.pipeline import create_incremental_pipeline, create_pipeline

__all__ = ["create_incremental_pipeline", "create_pipeline"]
