"""What the stage says of colour profiles."""

import logging

from PIL import Image

from dcgan_pipeline.arrays import ID
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.colour.matrix_profile import DISPLAY_P3, SRGB, matrix_profile
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings
from dcgan_pipeline.pipelines.preprocess.nodes import crop_images


def test_profiles_that_cannot_be_used_are_counted_and_said_once(tmp_path, caplog):
    folder = tmp_path / "photographs"
    folder.mkdir()
    profiles = [matrix_profile(DISPLAY_P3, None), b"no profile" * 20, matrix_profile(SRGB, None), None, b"?" * 200]
    for k, profile in enumerate(profiles):
        Image.new("RGB", (9, 9), (200, 30, 60)).save(folder / f"{k}.png", icc_profile=profile)
    source, engine = open_source(str(folder)), {"name": "local"}
    regions = find_regions(source, FacesSettings(), EngineSettings())
    metrics, images = {}, {}
    for colour in ("srgb", "stored"):
        settings = {"image_size": 8, "colour": colour, "images_per_shard": 2}
        with caplog.at_level(logging.WARNING):
            _, _, records, _, metrics[colour] = crop_images(source, regions, tmp_path / colour, settings, engine)
        images[colour] = records.attrs[ID]
        if colour == "srgb":
            outcomes = ["converted", "unusable profile", "as stored", "as stored", "unusable profile"]
            assert records["colours"].tolist() == outcomes
        else:
            assert set(records["colours"]) == {"as stored"}
    (said,) = (record.message for record in caplog.records)
    assert said.startswith("2 images have a colour profile that is broken or does not fit them")
    assert metrics["srgb"]["preprocess.colours_converted"] == 1
    assert metrics["srgb"]["preprocess.unusable_profiles"] == 2
    assert metrics["stored"]["preprocess.colours_converted"] == metrics["stored"]["preprocess.unusable_profiles"] == 0
    assert images["srgb"] != images["stored"]  # other images: what was made of one set is never mixed with the other
