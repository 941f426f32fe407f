import numpy as np
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import compare_features
from dcgan_pipeline.evaluation.curve import curve_metrics, label_curve
from dcgan_pipeline.evaluation.settings import EvaluateSettings

NAMES = ["cat", "dog", "emu"]
SETTINGS = EvaluateSettings(
    validation=40, selection_draws=2, report_draws=9, C=(1e-3, 1e-1), curve=(1, 10, 5000, "all"), curve_draws=3
)


@pytest.fixture
def trace(stored, labelled, blobs):
    (X, y), (test, y_test) = blobs(200, 3, apart=2), blobs(90, 3, apart=2, seed=1)
    kinds = {"ours": (stored(X, images_id="i"), stored(test, images_id="i"))}
    tables = labelled(y, NAMES, "i"), labelled(y_test, NAMES, "i")

    def run(how=label_curve, **values):
        return how(kinds, *tables, SETTINGS.model_copy(update=values), 0)

    return run


def test_accuracy_grows_with_labels_and_numbers_that_are_not_there_are_left_out(trace):
    curve = trace()
    assert curve["labels"].tolist() == [3, 30, 200]  # 5000 a class are not there; all of them are
    assert curve["accuracy"].iloc[0] < curve["accuracy"].iloc[-1]
    assert (curve["low"] <= curve["accuracy"]).all()
    assert (curve["accuracy"] <= curve["high"]).all()


def test_a_point_is_what_the_protocol_gives_with_as_many_labels(trace):
    (outcome,) = trace(compare_features, labels_per_class=10, report_draws=3).outcomes.values()
    point = trace().iloc[1]
    assert point["accuracy"] == outcome.mean
    assert point["C"] == outcome.C
    np.testing.assert_allclose([point["low"], point["high"]], np.percentile(outcome.accuracies, [2.5, 97.5]))


def test_metrics_say_the_accuracies(trace):
    curve = trace()
    assert curve_metrics(curve) == {
        f"label_curve.ours.accuracy_{labels}": accuracy
        for labels, accuracy in zip(curve["labels"], curve["accuracy"], strict=True)
    }


def test_where_no_number_is_left_the_curve_is_refused(trace):
    with pytest.raises(InputError, match=r"evaluate.curve needs a number of labels .*, got \[5000\]"):
        trace(curve=(5000,))
