import json

import pytest
import torch
from kedro.io import DatasetError

from dcgan_pipeline.datasets.weights import WeightsDataset
from dcgan_pipeline.weights import Weights


def test_tensors_and_settings_come_back(tmp_path):
    weights = Weights({"a": torch.arange(6).reshape(2, 3), "b.c": torch.ones(4, dtype=torch.bfloat16)}, {"kind": "x"})
    dataset = WeightsDataset(filepath=tmp_path / "gan.safetensors")
    dataset.save(weights)
    loaded = dataset.load()
    assert loaded.settings == weights.settings
    assert list(loaded.tensors) == ["a", "b.c"]
    for name, tensor in weights.tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)


def test_a_file_that_is_cut_short_is_an_error_that_says_so(tmp_path):
    dataset = WeightsDataset(filepath=tmp_path / "gan.safetensors")
    dataset.save(Weights({"a": torch.ones(100)}, {}))
    data = (tmp_path / "gan.safetensors").read_bytes()
    (tmp_path / "gan.safetensors").write_bytes(data[:-1])
    with pytest.raises(DatasetError, match="must be a whole safetensors file"):
        dataset.load()


@pytest.mark.parametrize("place", ["{tmp_path}", "memory:///test_the_preview_is_the_settings"])
def test_the_preview_is_the_settings_without_tensors_and_history(tmp_path, place, preview_type):
    dataset = WeightsDataset(filepath=f"{place.format(tmp_path=tmp_path)}/gan.safetensors")
    dataset.save(Weights({"a": torch.ones(100)}, {"kind": "x", "train": {"steps": 3}, "history": [1, 2]}))
    assert preview_type(dataset) == "JSONPreview"
    assert json.loads(dataset.preview()) == {"kind": "x", "train": {"steps": 3}}


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(WeightsDataset) > 0
