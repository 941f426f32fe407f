"""Find near-duplicates by semantic hashing."""

from dcgan_pipeline.pipelines.dedup.pipeline import create_pipeline

__all__ = ["create_pipeline"]
