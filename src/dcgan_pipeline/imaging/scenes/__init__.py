"""Drawn rooms, of which everything is known: a test bed for what networks learn (our choice)."""

from dcgan_pipeline.imaging.scenes.source import SCHEME, ScenesSource, open_scenes

__all__ = ["SCHEME", "ScenesSource", "open_scenes"]
