import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.visualize.matching import Matching
from dcgan_pipeline.visualize.projection_figure import (
    gather_targets,
    measure_projection,
    project_images,
    projection_figure,
)
from dcgan_pipeline.visualize.training_images import Pictures
from dcgan_pipeline.visualize.view_settings import ProjectionSettings

CPU = torch.device("cpu")
AS_THEY_ARE = Matching(1, 0)
NOTHING = Pictures(np.empty((0, 1, 16, 16), np.uint8), np.empty(0, np.int64))


def settings(**values):
    return ProjectionSettings(**{"images": 2, "steps": 3, "candidates": 4, "compared": 15} | values)


def gather(gan, training, held=NOTHING, **values):
    return gather_targets(gan, training, held, AS_THEY_ARE, settings(**values), 0, CPU)


def test_images_are_chosen_by_row_by_file_and_drawn(tiny_gan, pile, tmp_path):
    gan, images = tiny_gan(), pile(20)
    Image.fromarray(np.full((16, 16), 77, np.uint8)).save(tmp_path / "mine.png")
    held = Pictures(np.full((2, 1, 16, 16), 9, np.uint8))
    found = gather(gan, images, held, rows=(5, 11), files=(str(tmp_path / "mine.png"),))
    assert found.kinds == ("chosen",) * 2 + ("file",) + ("training",) * 2 + ("held_out",) * 2 + ("sample",) * 2
    assert found.rows[:3].tolist() == [5, 11, -1]
    assert (found.rows[5:] == -1).all()
    np.testing.assert_array_equal(found.pictures.pixels[:2], images.images[np.array([5, 11])])
    assert (found.pictures.pixels[2] == 77).all()
    np.testing.assert_array_equal(found.pictures.pixels[3:5], images.images[found.rows[3:5]])
    np.testing.assert_array_equal(found.pictures.pixels[7:], sample(gan, 2, 0, CPU))


def test_what_cannot_be_projected_is_refused_in_one_line(tiny_gan, pile, tmp_path):
    conditional = tiny_gan(labels=3, hidden=4)
    refusals = {
        "rows must be from 0 to 19": lambda: gather(tiny_gan(), pile(20), rows=(3, 20)),
        "visualize.projection.files gives none": lambda: gather(conditional, pile(20, classes=3), files=("a.png",)),
        "must have images to project, got images 0": lambda: gather(tiny_gan(), pile(20), images=0),
        "a file must be an image that can be read": lambda: gather(tiny_gan(), pile(20), files=("missing.png",)),
    }
    for message, call in refusals.items():
        with pytest.raises(InputError, match=message) as info:
            call()
        assert "\n" not in str(info.value)


@pytest.mark.parametrize("classes", [0, 3])
def test_every_kind_is_projected_measured_and_drawn(tiny_gan, pile, rendered, classes):
    gan, images = tiny_gan(labels=classes, hidden=4 if classes else 0), pile(20, classes=classes)
    held = Pictures(np.random.default_rng(3).integers(0, 256, (2, 1, 16, 16), dtype=np.uint8), np.arange(2))
    for beside in (NOTHING, held):
        found = project_images(gan, images, beside, settings(steps=30), 0, CPU)
        for space in ("pixels", "features"):
            assert (found.table[space] < found.table[f"{space}_first"]).mean() > 0.7
        own = found.table[found.table["kind"] == "training"]
        assert (own["pixels_nearest"] > 0).all()  # itself is left out
        numbers = measure_projection(found.table)
        assert ("projection.pixels.memory" in numbers) == (len(beside) > 0)
        assert rendered(projection_figure(found, numbers, settings(steps=30), "training images")).std() > 0


def test_memory_is_the_error_of_held_out_images_as_a_multiple_of_that_of_training_images():
    rows = [("training", 2.0), ("training", 4), ("training", 3), ("held_out", 6), ("held_out", 9), ("held_out", 7)]
    table = pd.DataFrame(rows, columns=["kind", "pixels"])
    for name in ("features", "pixels_first", "features_first", "pixels_nearest", "features_nearest"):
        table[name] = table["pixels"] * 2
    numbers = measure_projection(table)
    assert numbers["projection.pixels.memory"] == 7 / 3
    assert numbers["projection.pixels.training_low"] == 2.5
    assert numbers["projection.pixels.held_out_nearest"] == 14
