import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.evaluation.report import THIS_RUN
from dcgan_pipeline.figures.canvas import PALE
from dcgan_pipeline.figures.evaluation import (
    accuracy_figure,
    confusion_figure,
    label_curve_figure,
    sample_figure,
)


def confusion(names):
    shares = np.random.default_rng(0).dirichlet(np.ones(len(names)), len(names))
    table = pd.DataFrame(shares, columns=[f"called {name}" for name in names])
    table.insert(0, "true", names)
    return table


def evaluation(ours=3, published=(), accuracy=70.0, name="features {}", note=""):
    rows = [
        {
            "features": name.format(k),
            "dimensions": 100,
            "labels": 1000,
            "accuracy": accuracy,
            "interval": 3.0,
            "source": THIS_RUN,
            "note": "",
        }
        for k in range(ours)
    ]
    rows += [
        {
            "features": feature,
            "dimensions": None,
            "labels": 50_000,
            "accuracy": 80.0,
            "interval": None,
            "source": "paper",
            "note": note,
        }
        for feature in published
    ]
    return pd.DataFrame(rows).astype({"dimensions": "Int64", "interval": "float64"})


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        [str(k) for k in range(10)],
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        ["a class with a name that is much too long for any figure", "another one that is even longer than the first"],
        ["$x$_$", "$\\frac$", "a_b^c"],
        [f"n{k:08d}" for k in range(60)],
    ],
    ids=["two", "digits", "cifar10", "long", "dollars", "sixty"],
)
def test_a_confusion_matrix_of_any_classes_fits(rendered, names):
    table = confusion(names)
    figure = confusion_figure(table)
    rendered(figure)
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.get_images()[0].get_array(), table.drop(columns="true").to_numpy())
    assert len(axes.get_yticklabels()) == len(names)


def test_a_thousand_classes_still_make_a_figure(rendered):
    pixels = rendered(confusion_figure(confusion([f"n{k:08d}" for k in range(1000)])))
    assert max(pixels.shape) < 3000


def test_cells_say_per_cent_and_leave_nothing_out_but_zeros(rendered):
    table = pd.DataFrame({"true": ["a", "b"], "called a": [0.999, 0.004], "called b": [0.001, 0.996]})
    figure = confusion_figure(table)
    rendered(figure)
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "100", (1, 1): "100"}  # (called, true); shares under half a per cent are blank


def test_true_classes_are_rows_and_called_ones_columns(rendered):
    table = pd.DataFrame({"true": ["a", "b"], "called a": [0.9, 0.3], "called b": [0.1, 0.7]})
    figure = confusion_figure(table)
    rendered(figure)
    axes = figure.axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "called")
    assert {text.get_position(): text.get_text() for text in axes.texts}[(0, 1)] == "30"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("accuracy", [0.0, 3.0, 50.0, 100.0])
def test_accuracies_are_bars_with_their_numbers(rendered, accuracy):
    figure = accuracy_figure(evaluation(2, accuracy=accuracy))
    rendered(figure)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [accuracy, accuracy]
    assert [text.get_text() for text in axes.texts] == [f"{accuracy:.1f} %"] * 2
    assert figure.texts[0].get_text() == "What the features are worth with 1,000 labels"


def test_published_results_are_hatched_and_say_their_labels(rendered):
    figure = accuracy_figure(evaluation(2, ["k-means", "Exemplar CNN"]))
    rendered(figure)
    (axes,) = figure.axes
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, False, True, True]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["features 0", "features 1", "k-means\npaper, 50,000 labels", "Exemplar CNN\npaper, 50,000 labels"]


def test_what_cannot_be_compared_is_pale(rendered):
    edges = []
    for note in ("", "not comparable: other images"):
        figure = accuracy_figure(evaluation(1, ["DCGAN"], note=note))
        rendered(figure)
        edges.append(figure.axes[0].patches[1].get_edgecolor())
    assert sum(edges[1][:3]) > sum(edges[0][:3])


def test_rows_of_the_same_name_are_bars_of_their_own(rendered):
    figure = accuracy_figure(evaluation(1, ["DCGAN", "DCGAN"]))
    rendered(figure)
    assert len({bar.get_y() for bar in figure.axes[0].patches}) == 3


@pytest.mark.parametrize("name", ["{} with a name that is far longer than what a figure has room for", "$\\frac$ {}"])
def test_features_of_any_name_fit(rendered, name):
    rendered(accuracy_figure(evaluation(3, [name.format(k) for k in "ab"], name=name)))


def test_the_first_row_is_at_the_top(rendered):
    figure = accuracy_figure(evaluation(3))
    rendered(figure)
    heights = [label.get_window_extent().y0 for label in figure.axes[0].get_yticklabels()]
    assert heights == sorted(heights, reverse=True)


def test_a_label_curve_has_a_line_and_a_band_a_kind_and_every_number_of_labels(rendered):
    rows = [
        {"features": name, "labels": labels, "accuracy": start + 5 * k, "low": start + 4 * k, "high": start + 6 * k}
        for name, start in (("trained", 50.0), ("untrained $x$_", 40.0), *((f"kind {n}", 30.0) for n in range(5)))
        for k, labels in enumerate((10, 100, 1257))
    ]
    figure = label_curve_figure(pd.DataFrame(rows))
    rendered(figure)
    (axes,) = figure.axes
    assert len(axes.lines) == len(axes.collections) == 7
    assert len({line.get_color() for line in axes.lines}) == 7
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [50, 55, 60])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "100", "1,257"]


def test_samples_and_real_images_are_lines_and_published_names_do_not_overlap(rendered):
    here = [("samples", 1000, 85.0), ("samples", 10_000, 91.0), ("real", 1000, 90.0)]
    published = [("AlignMNIST", 10**7, 98.6), ("DCGAN", 10**7, 98.5), ("GAN", 10**7, 94.4)]
    rows = [
        {"features": name, "labels": labels, "accuracy": accuracy, "source": source, "note": note}
        for source, part, note in ((THIS_RUN, here, ""), ("paper", published, "not comparable: other digits"))
        for name, labels, accuracy in part
    ]
    figure = sample_figure(pd.DataFrame(rows))
    rendered(figure)
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [15.0, 9.0])
    crosses = {line.get_color() for line in axes.lines if line.get_marker() == "x" and len(line.get_ydata())}
    assert crosses == {PALE}
    assert [text.get_text() for text in axes.texts] == ["AlignMNIST, DCGAN", "GAN"]
