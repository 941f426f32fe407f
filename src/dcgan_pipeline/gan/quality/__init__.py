"""How good samples are, measured while training runs: one interface, and a registry by name.

A *space* turns images into vectors, a *distance* compares the vectors of images with those of samples, and a
:class:`~dcgan_pipeline.gan.quality.metrics.Metric` is a distance in a space.
:func:`~dcgan_pipeline.gan.quality.metrics.make_quality_metrics` puts together those that the settings name.
"""
