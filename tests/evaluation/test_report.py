from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import PIXELS
from dcgan_pipeline.evaluation.protocol import Draws, Outcome
from dcgan_pipeline.evaluation.report import (
    OURS,
    THIS_RUN,
    check_same_judging,
    confusion_table,
    draw_by_draw,
    measure,
    tabulate,
    to_markdown,
    with_published,
)
from dcgan_pipeline.evaluation.settings import EvaluateSettings, PublishedRow

PUBLISHED = (
    PublishedRow(features="paper", accuracy=77.5, labels=200, trained_on="SVHN", source="table 2"),
    PublishedRow(features="k-means", accuracy=63.7, interval=0.7, labels=4000, trained_on="CIFAR-10", source="table 1"),
    PublishedRow(
        features="far", accuracy=82.8, labels=200, trained_on="ImageNet", source="table 1", note="more images"
    ),
)
UNSUPERVISED = {OURS: "the images", PIXELS: "nothing"}


@pytest.fixture
def outcomes():
    candidates = {0.01: 40.0, 0.1: 55.0, 1.0: 50.0}
    confusion = np.array([[0.75, 0.25], [0.5, 0.5]])
    return {
        OURS: Outcome(0.1, candidates, np.array([60.0, 70.0, 80.0]), confusion, 512, 0, 200),
        PIXELS: Outcome(1.0, candidates, np.array([50.0, 65.0, 65.0]), confusion, 48, 2, 200),
    }


def whole(outcomes, published=PUBLISHED, test_images=50):
    settings = EvaluateSettings(published=published, test_images=50)
    return with_published(tabulate(outcomes, UNSUPERVISED), settings, test_images)


def test_our_rows_come_first_and_the_published_ones_after(outcomes):
    table = whole(outcomes)
    names = ["features", "trained_on", "dimensions", "labels", "C", "accuracy", "interval", "gain", "source", "note"]
    assert list(table.columns) == names
    assert list(table["features"]) == [OURS, PIXELS, "paper", "k-means", "far"]
    assert list(table["trained_on"]) == ["the images", "nothing", "SVHN", "CIFAR-10", "ImageNet"]
    assert list(table["labels"]) == [200, 200, 200, 4000, 200]
    assert list(table["accuracy"]) == [70.0, 60.0, 77.5, 63.7, 82.8]
    assert list(table["source"]) == [THIS_RUN, THIS_RUN, "table 2", "table 1", "table 1"]


def test_a_published_row_says_why_it_cannot_be_compared(outcomes):
    assert list(whole(outcomes)["note"]) == [
        "",
        "best C is at the edge of the candidates",
        "",
        "not comparable: 4,000 labels, not 200",
        "not comparable: more images",
    ]


def test_another_test_set_is_not_comparable(outcomes):
    notes = list(whole(outcomes, test_images=60)["note"])
    assert notes[2] == "not comparable: 50 other test images"
    assert notes[3] == "not comparable: 4,000 labels, not 200; 50 other test images"


def test_the_interval_is_1_96_standard_deviations_over_draws(outcomes):
    np.testing.assert_allclose(whole(outcomes)["interval"], [19.6, 1.96 * 75**0.5, np.nan, 0.7, np.nan])


def test_one_draw_has_no_interval_and_no_metric_of_one(outcomes):
    one = {OURS: replace(outcomes[OURS], accuracies=np.array([70.0]))}
    assert np.isnan(tabulate(one, UNSUPERVISED)["interval"].item())
    assert "evaluate.trained_discriminator.std" not in measure(one)
    assert "| 200 | 70.0 |" in to_markdown(tabulate(one, UNSUPERVISED))


def test_the_gain_is_the_mean_difference_on_the_same_draws(outcomes):
    np.testing.assert_allclose(whole(outcomes)["gain"][:2], [0.0, np.mean([10.0, 5.0, 15.0])])
    ours = np.array([60.0, 75.0, 75.0, 99.0])
    apart = tabulate({PIXELS: outcomes[PIXELS]}, UNSUPERVISED, ours, 200)
    assert apart["gain"].tolist() == [10.0]  # of the draws that both have


def test_there_is_no_gain_over_a_row_that_had_other_labels(outcomes):
    ours = np.array([60.0, 75.0, 75.0])
    assert np.isnan(tabulate({PIXELS: outcomes[PIXELS]}, UNSUPERVISED, ours, 250)["gain"].item())


def test_published_rows_have_no_dimensions_and_no_c(outcomes):
    table = whole(outcomes)
    assert table["dimensions"].isna().tolist() == table["C"].isna().tolist() == [False, False, True, True, True]


def test_the_types_do_not_depend_on_the_rows(outcomes):
    alone = whole(outcomes, ())
    pd.testing.assert_series_equal(alone.dtypes, whole(outcomes).dtypes)
    assert len(alone) == 2


def test_the_markdown_has_every_row_and_a_bar_does_not_break_it(outcomes):
    odd = whole(outcomes, (PUBLISHED[0].model_copy(update={"features": "a|b"}),))
    lines = to_markdown(odd).splitlines()
    assert lines[2] == "| trained discriminator (512) | the images | 200 | 70.0 ± 19.6 | this run |  |"
    assert lines[4] == "| a\\|b | SVHN | 200 | 77.5 | table 2 |  |"
    assert len(lines) == 5


def test_draws_are_listed_with_the_digest_of_the_draws(outcomes):
    draws = Draws(np.arange(3), np.arange(4)[None], np.arange(6).reshape(3, 2))
    table = draw_by_draw(outcomes, draws, EvaluateSettings(C=(0.1, 1.0)), "ab")
    assert table.attrs == {"draws": f"{draws.digest()} (0.1, 1.0)", "gan": "ab"}
    assert table[table["features"] == PIXELS]["accuracy"].tolist() == [50.0, 65.0, 65.0]
    assert table["draw"].tolist() == [0, 1, 2, 0, 1, 2]


def test_metrics_say_the_same_as_the_table(outcomes):
    found = measure(outcomes)
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


def test_a_published_row_with_as_many_labels_as_one_of_several_rows_of_ours_is_comparable(outcomes):
    few = replace(outcomes[PIXELS], labels=4000)
    settings = EvaluateSettings(published=PUBLISHED)
    table = with_published(tabulate(outcomes | {PIXELS: few}, UNSUPERVISED), settings, 50)
    assert list(table["note"])[2:] == ["", "", "not comparable: more images"]


@pytest.mark.parametrize(
    ("rows", "C", "gan", "said"),
    [
        (6, 1.0, "cd", "of the same gan, got .* ab and gan cd"),
        (8, 1.0, "ab", "draws of labels"),
        (6, 2.0, "ab", "candidates for C"),
    ],
)
def test_a_table_of_another_gan_other_draws_or_other_candidates_is_refused(outcomes, rows, C, gan, said):
    draws, settings = Draws(np.arange(3), np.arange(4)[None], np.arange(6)[None]), EvaluateSettings(C=(0.1, 1.0))
    table = draw_by_draw(outcomes, draws, settings, "ab")
    check_same_judging(table, draws, settings, "ab")
    other = EvaluateSettings(C=(0.1, C))
    with pytest.raises(InputError, match=said):
        check_same_judging(table, replace(draws, report=np.arange(rows)[None]), other, gan)


def test_rows_of_other_labelled_images_are_not_comparable(outcomes):
    theirs = {"published": PUBLISHED[:1], "published_of": "SVHN"}

    def note(**ours):
        return with_published(tabulate(outcomes, UNSUPERVISED), EvaluateSettings(**theirs, **ours), 50)["note"].iloc[-1]

    assert note(judged_on="SVHN") == ""
    assert note(judged_on="MNIST") == "not comparable: SVHN, and evaluate.judged_on is MNIST"
    assert note() == "not comparable: SVHN, and evaluate.judged_on is not given"


def test_a_published_gan_is_comparable_with_one_that_learned_from_the_same_images(outcomes):
    published = (PUBLISHED[0].model_copy(update={"beside": "ImageNet-1k"}),)

    def note(learned_from):
        settings = EvaluateSettings(published=published, learned_from=learned_from)
        return with_published(tabulate(outcomes, UNSUPERVISED), settings, 50)["note"].iloc[-1]

    assert note("ImageNet-1k") == ""
    assert note("CIFAR-10") == "not comparable: its GAN learned from ImageNet-1k"
