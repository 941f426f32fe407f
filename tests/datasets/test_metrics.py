import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from dcgan_pipeline.datasets.metrics import MetricsDataset


@settings(deadline=None, max_examples=50)
@given(
    metrics=st.dictionaries(
        st.text(), st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False), max_size=5
    )
)
def test_finite_numbers_come_back(tmp_path_factory, metrics):
    dataset = MetricsDataset(filepath=tmp_path_factory.mktemp("metrics") / "metrics.json")
    dataset.save(metrics)
    assert dataset.load() == metrics


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), "0.5", None, [1.0], {"a": 1.0}, np.float32(1)]
)
def test_what_is_no_finite_number_is_refused_by_name_and_the_old_metrics_stay(tmp_path, value):
    dataset = MetricsDataset(filepath=tmp_path / "metrics.json")
    dataset.save({"loss": 1.0})
    with pytest.raises(DatasetError, match=r"metrics must be finite numbers, got \{'loss': "):
        dataset.save({"step": 1, "loss": value})
    assert dataset.load() == {"loss": 1.0}


def test_the_preview_is_the_metrics_as_json(tmp_path, preview_type):
    dataset = MetricsDataset(filepath=tmp_path / "metrics.json")
    dataset.save({"loss": 1.5, "step": 3})
    assert preview_type(dataset) == "JSONPreview"
    assert json.loads(dataset.preview()) == {"loss": 1.5, "step": 3}


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(MetricsDataset) > 0
