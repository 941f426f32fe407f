import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.weights import Weights, read_settings

KINDS = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_tensors_come_back_bit_for_bit(tmp_path, kind, shape):
    tensor = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 9).to(kind)
    Weights({"t": tensor}, {"kind": "example"}).save(tmp_path / "w.safetensors")
    loaded = Weights.load(tmp_path / "w.safetensors").tensors["t"]
    assert loaded.dtype == kind
    assert torch.equal(loaded, tensor)


@settings(deadline=None, max_examples=40)
@given(values=st.dictionaries(st.text(), plain))
def test_settings_come_back_as_they_were(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    Weights({"t": torch.ones(1)}, values).save(path)
    assert Weights.load(path).settings == values
    assert read_settings(path) == values


def test_tensors_that_need_gradients_or_are_views_are_saved_by_their_values(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    weights = Weights({"grad": torch.ones(2, requires_grad=True), "turned": base.T}, {})
    weights.save(tmp_path / "w.safetensors")
    loaded = Weights.load(tmp_path / "w.safetensors").tensors
    assert not loaded["grad"].requires_grad
    assert torch.equal(loaded["turned"], base.T)


def test_a_part_is_what_has_its_prefix_by_the_rest_of_the_names():
    weights = Weights({"g.a": torch.ones(1), "g.b.c": torch.zeros(2), "d.a": torch.ones(3)}, {})
    assert {name: len(tensor) for name, tensor in weights.part("g.").items()} == {"a": 1, "b.c": 2}
    assert weights.part("x.") == {}


def test_a_file_is_replaced_as_a_whole_and_nothing_lies_beside_it(tmp_path):
    for value in (1.0, 2.0):
        Weights({"t": torch.full((2,), value)}, {"value": value}).save(tmp_path / "w.safetensors")
    assert Weights.load(tmp_path / "w.safetensors").settings == {"value": 2.0}
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize(
    ("tensors", "values", "error"),
    [
        ({"t": torch.ones(1)}, {"function": print}, TypeError),
        ({"a": torch.ones(1), "b": "no tensor"}, {}, AttributeError),
    ],
)
def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path, tensors, values, error):
    Weights({"t": torch.ones(1)}, {"first": True}).save(tmp_path / "w.safetensors")
    with pytest.raises(error):
        Weights(tensors, values).save(tmp_path / "w.safetensors")
    assert Weights.load(tmp_path / "w.safetensors").settings == {"first": True}
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_an_input_error(tmp_path, share):
    Weights({"t": torch.ones(1000)}, {"kind": "example"}).save(tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"w\.safetensors must be a whole safetensors file, and is not"):
        Weights.load(tmp_path / "w.safetensors")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    (tmp_path / "w.pt").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(InputError, match="must be a whole safetensors file"):
        Weights.load(tmp_path / "w.pt")
    assert not (tmp_path / "harm").exists()


def test_a_safetensors_file_of_others_is_an_input_error(tmp_path):
    from safetensors.numpy import save_file

    save_file({"t": np.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="must carry its settings, and has none; take a file that this project made"):
        Weights.load(tmp_path / "w.safetensors")


def test_the_settings_stand_in_the_header_as_json(tmp_path):
    Weights({"t": torch.ones(1)}, {"kind": "example"}).save(tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # safetensors: a size, then JSON
    assert json.loads(header["__metadata__"]["settings"]) == {"kind": "example"}
