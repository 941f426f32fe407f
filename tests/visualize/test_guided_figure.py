import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.visualize.guided_figure import (
    guided_figure,
    look_into_discriminator,
    measure_guided,
    shown_gradients,
)
from dcgan_pipeline.visualize.view_settings import GuidedBackpropagationSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("values", [{}, {"layer": 0, "choose": "selectivity", "rule": "gradient", "measured": 1}])
def test_both_networks_are_looked_into_and_drawn(tiny_gan, pile, rendered, classes, values):
    gan, images = tiny_gan(labels=classes, hidden=4 if classes else 0), pile(20, classes=classes)
    records = pd.DataFrame({"label": np.arange(20) % 4})
    settings = GuidedBackpropagationSettings(**{"features": 2, "shown": 4, "measured": 6, "images": 15} | values)
    found = look_into_discriminator(gan, images, records, settings, 0, CPU)
    features = max(2, min(settings.measured, 3 if found.layer == 0 else 6))
    assert found.layer == values.get("layer", 1)
    assert found.table.groupby("network").size().to_dict() == {"trained": features * 4, "untrained": features * 4}
    for name in ("trained", "untrained"):
        assert found.images[name].shape == found.gradients[name].shape == (2, 4, 1, 16, 16)
        first = found.table[found.table["network"] == name].head(4)
        np.testing.assert_array_equal(found.images[name][0], images.images[first["row"].to_numpy()])
        assert (np.diff(first["response"]) <= 0).all()
    again = look_into_discriminator(gan, images, records, settings, 0, CPU)
    pd.testing.assert_frame_equal(again.table, found.table)
    numbers = measure_guided(found.table)
    assert rendered(guided_figure(found, numbers, settings)).std() > 0


def test_medians_are_over_features_and_images_and_a_feature_counts_once_for_its_selectivity():
    table = pd.DataFrame(
        {
            "network": "trained",
            "feature": [0, 0, 0, 1],
            "selectivity": [2.0, 2, 2, 6],
            "purity": np.nan,
            "marked": [0.1, 0.2, 0.3, np.nan],
            "random": [0.0, 0.1, 0.2, 0.3],
            "elsewhere": np.nan,
        }
    )
    assert measure_guided(table) == {
        "guided_backpropagation.trained.marked": 0.2,
        "guided_backpropagation.trained.marked_low": pytest.approx(0.15),
        "guided_backpropagation.trained.marked_high": 0.25,
        "guided_backpropagation.trained.random": pytest.approx(0.15),
        "guided_backpropagation.trained.random_low": pytest.approx(0.075),
        "guided_backpropagation.trained.random_high": pytest.approx(0.225),
        "guided_backpropagation.trained.selectivity": 4.0,
    }


def test_gradients_are_shown_about_grey():
    gradients = torch.zeros(2, 1, 10, 10)
    gradients[0, 0, 0] = torch.tensor([4.0, -4, 2, *[0.0] * 7])
    found = shown_gradients(gradients)
    assert found[0, 0, 0, :4].tolist() == [255, 0, 191, 128]
    assert (found[1] == 128).all()
