import pytest
import torch

from dcgan_pipeline.devices import resolve_device
from dcgan_pipeline.errors import InputError


def test_auto_is_the_gpu_where_there_is_one():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_a_tensor_can_be_made_on_the_device(name):
    assert torch.ones(2, device=resolve_device(name)).sum().item() == 2


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "cpu:x"])
def test_a_device_that_does_not_exist_is_an_input_error(name):
    with pytest.raises(
        InputError, match=rf"device must exist on this machine, got '{name}' \(.*\); use auto or cpu"
    ) as info:
        resolve_device(name)
    assert "\n" not in str(info.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_an_input_error():
    with pytest.raises(InputError, match="got 'cuda'"):
        resolve_device("cuda")
