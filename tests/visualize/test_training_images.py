import hashlib

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.plan import hold_out
from dcgan_pipeline.visualize import training_images as piles
from dcgan_pipeline.visualize.training_images import called, held_out_pictures, split_by_training, take
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")


def tables(count, removed=()):
    records = pd.DataFrame({"source": [f"{k}.png" for k in range(count)], "label": np.arange(count) % 3})
    duplicates = pd.DataFrame({"row": list(removed), "kept": [False] * len(removed)}).astype({"row": int, "kept": bool})
    duplicates.attrs["images"] = count
    return records, duplicates


def trained_on(gan, rows, held_out=0):
    settings = gan.settings | {"training_set": hashlib.sha256(np.asarray(rows).tobytes()).hexdigest()}
    settings["train"] = settings["train"] | {"quality": {"held_out": held_out}}
    return Weights(gan.tensors, settings)


@pytest.mark.parametrize("held", [0, 5])
def test_images_are_parted_as_the_training_parted_them(tiny_gan, pile, held):
    images, (records, duplicates) = pile(20).images, tables(20, removed=[3, 7])
    kept = np.setdiff1d(np.arange(20), [3, 7])
    trained = hold_out(kept, QualitySettings(held_out=held))[0]
    training, held_out = split_by_training(trained_on(tiny_gan(), trained, held), images, records, duplicates)
    np.testing.assert_array_equal(training.rows, trained)
    np.testing.assert_array_equal(np.sort(np.concatenate([trained, held_out.rows])), kept)
    assert len(held_out.rows) == held
    assert training.labels is None
    assert take(held_out, records).names == tuple(f"{row}.png" for row in held_out.rows)


def test_a_gan_of_another_choice_of_the_images_is_refused(tiny_gan, pile):
    gan = trained_on(tiny_gan(), np.arange(19))
    with pytest.raises(InputError, match="gan must be trained on the images that duplicates keeps, got anoth") as info:
        split_by_training(gan, pile(20).images, *tables(20))
    assert "\n" not in str(info.value)


def test_networks_of_which_nobody_knows_their_images_take_all(tiny_gan, pile):
    gan = tiny_gan()
    training, held_out = split_by_training(gan, pile(20).images, *tables(20))
    assert (len(training.rows), len(held_out.rows)) == (20, 0)
    assert called(gan) == "training images"
    assert called(Weights({}, gan.settings | {"imported": {}})) == "images"


def test_labels_go_with_the_images_where_networks_take_them(tiny_gan, pile, monkeypatch):
    monkeypatch.setattr(piles, "BATCH", 6)
    gan = tiny_gan(labels=3, hidden=4)
    training, _ = split_by_training(gan, pile(20).images, *tables(20))
    seen = list(training.some(10, 0, "test").batches(CPU, "test"))
    rows = np.concatenate([rows for rows, *_ in seen])
    assert len(set(rows.tolist())) == 10
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(np.concatenate([labels[0].numpy() for *_, labels in seen]), rows % 3)
    assert all(len(x) == len(rows) <= 6 for rows, x, _ in seen)


def test_some_are_drawn_by_the_seed_and_the_name(pile):
    images = pile(20)
    assert images.some(20, 0, "a").rows.tolist() == list(range(20))
    drawn = [images.some(9, seed, name).rows.tolist() for seed, name in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))]
    assert drawn[0] == drawn[1]
    assert drawn[0] not in drawn[2:]


def test_held_out_images_may_come_from_a_source(pile, tmp_path):
    for k in range(4):
        Image.fromarray(np.full((20, 16), 10 * k, np.uint8)).save(tmp_path / f"{k}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = held_out_pictures(pile(3), tables(3)[0], str(tmp_path), 9, 0)
    assert found.pixels.shape == (4, 1, 16, 16)
    assert sorted(zip(found.names, found.pixels[:, 0, 0, 0].tolist(), strict=True)) == [
        (f"{k}.png", 10 * k) for k in range(4)
    ]
    assert len(held_out_pictures(pile(3), tables(3)[0], str(tmp_path), 2, 0)) <= 2


def test_a_source_without_images_and_one_without_labels_where_they_are_needed_are_refused(pile, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"visualize.held_out must have images that can be read, got .* none can"):
        held_out_pictures(pile(3), tables(3)[0], str(tmp_path), 9, 0)
    with pytest.raises(InputError, match=r"conditional networks need a label .*; leave it out, and hold images out"):
        held_out_pictures(pile(3, classes=3), tables(3)[0], str(tmp_path), 9, 0)
