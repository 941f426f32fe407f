"""Find near-duplicates by semantic hashing."""

from dcgan_pipeline.pipelines.dedup.pipeline import create_apart_pipeline, create_incremental_pipeline, create_pipeline

__all__ = ["create_apart_pipeline", "create_incremental_pipeline", "create_pipeline"]
