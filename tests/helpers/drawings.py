"""Fixtures of tests that draw or look into networks: a check of figures, a tiny ``gan``, a few images."""

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.visualize.training_images import Pile


@pytest.fixture
def rendered():
    """Draw a figure as PNG, with warnings as errors, and check what holds for every figure."""

    def render(figure):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            file = io.BytesIO()
            figure.savefig(file, format="png")
        pixels = np.asarray(Image.open(file).convert("RGB"))
        title, caption = figure.texts[:2]
        assert len(title.get_text()) > 5
        assert len(caption.get_text()) > 20
        assert 150 < pixels.shape[0] < 3000
        assert 300 < pixels.shape[1] < 3000
        _check_nothing_is_cut(figure)
        _check_title_and_caption_stand_free(figure)
        return pixels

    return render


def _check_nothing_is_cut(figure):
    """Titles, captions, and whatever the axes draw, names of ticks and all, lie on the canvas."""
    canvas = figure.bbox.padded(1)
    boxes = {text.get_text(): text.get_window_extent() for text in figure.texts}
    boxes |= {f"axes {k}": axes.get_tightbbox() for k, axes in enumerate(figure.axes)}
    for name, box in boxes.items():
        assert canvas.x0 <= box.x0 <= box.x1 <= canvas.x1, f"{name!r} leaves the figure at a side"
        assert canvas.y0 <= box.y0 <= box.y1 <= canvas.y1, f"{name!r} leaves the figure at the top or the bottom"


def _check_title_and_caption_stand_free(figure):
    title, caption = (text.get_window_extent() for text in figure.texts[:2])
    assert not title.overlaps(caption)
    for axes in figure.axes:
        inside = axes.get_tightbbox()
        for box in (title, caption):
            assert not box.overlaps(inside), f"{axes} overlaps the title or the caption"


@pytest.fixture(scope="session")
def tiny_gan():
    """Make a checkpoint of two tiny networks whose samples differ, and have recomputed statistics."""

    def make(**shape):
        architecture = Architecture(**({"image_size": 16, "channels": 1, "latent_dim": 4, "width": 3} | shape))
        trainer = Trainer(architecture, TrainSettings(steps=1, sample_count=2), 0, torch.device("cpu"))
        with torch.no_grad():
            for conv in (*trainer.generator.convs, *trainer.discriminator.convs):
                conv.weight.mul_(20)  # so that images are not all grey
        size = (8, architecture.channels, architecture.image_size, architecture.image_size)
        real = torch.rand(size, generator=torch.Generator().manual_seed(0)) * 2 - 1
        labels = (torch.arange(8) % architecture.labels,) if architecture.labels else ()
        told = np.arange(8) % architecture.labels if labels else None
        trainer.recompute_statistics([(real, *labels) if labels else real], 4, told)
        return trainer.state()

    return make


@pytest.fixture(scope="session")
def pile(stored):
    """Make a pile of random images, labelled in turn where there are classes, and their records and duplicates."""

    def make(count=20, classes=0, channels=1, side=16, pixels=None):
        if pixels is None:
            pixels = np.random.default_rng(0).integers(0, 256, (count, channels, side, side), dtype=np.uint8)
        labels = np.arange(len(pixels)) % classes if classes else None
        return Pile(stored(pixels, images_id="one"), np.arange(len(pixels)), labels)

    return make
