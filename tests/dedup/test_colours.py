import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from dcgan_pipeline.dedup.audit import ALTERATIONS
from dcgan_pipeline.dedup.colours import colour_similarity
from dcgan_pipeline.dedup.similarity import similarity

COLOURS = ["#c03030", "#30a040", "#3050c0", "#d0c030", "#8030a0"]
PHOTOS = 0.65  # min_similarity of conf/photos


def shirt(colour, ground="white"):
    image = Image.new("RGB", (128, 128), ground)
    outline = [(30, 30), (50, 20), (78, 20), (98, 30), (115, 60), (92, 115), (36, 115), (13, 60)]
    ImageDraw.Draw(image).polygon(outline, fill=colour)
    return image


def thumbnails(images):
    return np.stack([np.asarray(image.resize((32, 32), Image.Resampling.BOX)).transpose(2, 0, 1) for image in images])


def test_other_colours_are_another_picture_whose_edges_are_the_same():
    for ground in ("white", "#607050"):
        shirts = thumbnails([shirt(colour, ground) for colour in COLOURS])
        a, b = np.triu_indices(len(COLOURS), 1)
        called = similarity(shirts[a], shirts[b]) >= PHOTOS
        if ground == "white":
            assert called.all()  # what decided alone
        assert colour_similarity(shirts[a], shirts[b]).max() < PHOTOS


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_copies_have_the_same_colours(natural, name):
    images = [
        Image.fromarray(picture.transpose(1, 2, 0)).resize((64, 64), Image.Resampling.BICUBIC) for picture in natural
    ]
    generator = np.random.default_rng(0)
    copies = [ALTERATIONS[name][1](image, generator) for image in images]
    assert np.mean(colour_similarity(thumbnails(images), thumbnails(copies)) >= PHOTOS) > 0.99


def test_contrast_a_cast_and_shifts_are_seen_through(natural):
    cast = np.clip(natural * np.array([1.15, 1, 0.85])[:, None, None], 0, 255).astype(np.uint8)
    for other in (natural // 2 + 60, cast, np.roll(natural, (2, -2), (2, 3))):
        assert np.mean(colour_similarity(natural, other) >= PHOTOS) > 0.99


def test_equal_pictures_score_one_and_the_order_of_a_pair_is_nothing(natural):
    other = np.roll(natural, 3, 3)
    assert (colour_similarity(natural, natural) == 1).all()
    np.testing.assert_array_equal(colour_similarity(natural, other), colour_similarity(other, natural))
    flat = np.zeros((2, 3, 32, 32), np.uint8)
    assert colour_similarity(flat, flat + 9).tolist() == [1, 1]
    assert colour_similarity(natural[:0], natural[:0]).shape == (0,)


def test_values_do_not_depend_on_the_batch_or_the_threads(natural):
    blurred = thumbnails([Image.fromarray(x.transpose(1, 2, 0)).filter(ImageFilter.GaussianBlur(1)) for x in natural])
    whole = colour_similarity(natural, blurred)
    single = np.concatenate([colour_similarity(natural[k : k + 1], blurred[k : k + 1]) for k in range(len(natural))])
    np.testing.assert_array_equal(whole, single)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        np.testing.assert_array_equal(colour_similarity(natural, blurred), whole)
    finally:
        torch.set_num_threads(threads)
