import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.representation.protocol import Outcome
from dcgan_pipeline.representation.report import OURS, confusion_table, measure, tabulate
from dcgan_pipeline.representation.settings import EvaluateSettings, ReferenceRow

SETTINGS = EvaluateSettings(
    labels_per_class=100,
    reference=(
        ReferenceRow(features="paper", accuracy=77.5, labels=1000, note="SVHN"),
        ReferenceRow(features="k-means", accuracy=63.7, interval=0.7, labels=4000, note="CIFAR-10"),
    ),
)


@pytest.fixture
def outcomes():
    candidates = {0.01: 40.0, 0.1: 55.0, 1.0: 50.0}
    confusion = np.array([[0.75, 0.25], [0.5, 0.5]])
    return {
        OURS: Outcome(0.1, candidates, np.array([60.0, 70.0, 80.0]), confusion, 512, 0),
        "raw pixels": Outcome(1.0, candidates, np.array([50.0, 65.0, 65.0]), confusion, 48, 2),
    }


def test_our_rows_come_first_and_the_published_ones_after(outcomes):
    table = tabulate(outcomes, SETTINGS, classes=2)
    assert list(table.columns) == ["features", "dimensions", "labels", "C", "accuracy", "interval", "gain", "note"]
    assert list(table["features"]) == [OURS, "raw pixels", "paper", "k-means"]
    assert list(table["labels"]) == [200, 200, 1000, 4000]
    assert list(table["accuracy"]) == [70.0, 60.0, 77.5, 63.7]


def test_the_interval_is_1_96_standard_deviations_over_draws(outcomes):
    table = tabulate(outcomes, SETTINGS, classes=2)
    np.testing.assert_allclose(table["interval"], [19.6, 1.96 * 75**0.5, np.nan, 0.7])


def test_the_gain_is_the_mean_difference_on_the_same_draws(outcomes):
    table = tabulate(outcomes, SETTINGS, classes=2)
    np.testing.assert_allclose(table["gain"], [0.0, np.mean([10.0, 5.0, 15.0]), np.nan, np.nan])


def test_published_rows_have_no_dimensions_and_no_c(outcomes):
    table = tabulate(outcomes, SETTINGS, classes=2)
    assert table["dimensions"].isna().tolist() == [False, False, True, True]
    assert table["C"].isna().tolist() == [False, False, True, True]
    assert list(table["note"]) == ["", "best C is at the edge of the candidates", "SVHN", "CIFAR-10"]


def test_the_types_do_not_depend_on_the_rows(outcomes):
    alone = tabulate(outcomes, SETTINGS.model_copy(update={"reference": ()}), classes=2)
    pd.testing.assert_series_equal(alone.dtypes, tabulate(outcomes, SETTINGS, classes=2).dtypes)
    assert len(alone) == 2


def test_metrics_say_the_same_as_the_table(outcomes):
    found = measure(outcomes, SETTINGS, classes=2)
    assert found == {
        "evaluate.labels": 200,
        "evaluate.trained_discriminator.accuracy": 70.0,
        "evaluate.trained_discriminator.std": 10.0,
        "evaluate.trained_discriminator.C": 0.1,
        "evaluate.trained_discriminator.unconverged_fits": 0,
        "evaluate.raw_pixels.accuracy": 60.0,
        "evaluate.raw_pixels.std": pytest.approx(75**0.5),
        "evaluate.raw_pixels.C": 1.0,
        "evaluate.raw_pixels.unconverged_fits": 2,
    }
    assert all(type(value) is float for value in found.values())


def test_the_confusion_table_names_true_and_called_classes(outcomes):
    table = confusion_table(outcomes[OURS], ["cat", "dog"])
    assert table.to_dict("list") == {"true": ["cat", "dog"], "called cat": [0.75, 0.5], "called dog": [0.25, 0.5]}


def test_a_class_may_itself_be_called_true(outcomes):
    table = confusion_table(outcomes[OURS], ["false", "true"])
    assert table["true"].tolist() == ["false", "true"]
    assert table.drop(columns="true").to_numpy().tolist() == [[0.75, 0.25], [0.5, 0.5]]
