"""The discriminator as a feature extractor, and how good its features are (paper 5)."""
