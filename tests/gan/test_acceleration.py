"""What makes a step faster must not change what it computes, but for rounding."""

import shutil

import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.acceleration import compiled, resolve_precision
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer

CPU = torch.device("cpu")
SMALL = Architecture(image_size=16, channels=3, latent_dim=8, width=8)
STEPS = 3


def trained(device=CPU, **values):
    """Networks after a few steps, and the losses of these."""
    settings = TrainSettings(**{"steps": 10, "batch_size": 16, "sample_count": 4, "schedule": "both"} | values)
    trainer = Trainer(SMALL, settings, 0, device)
    real = torch.rand(STEPS, 16, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return trainer, [{name: float(value) for name, value in trainer.update(batch.to(device)).items()} for batch in real]


def moved(trainer):
    """How far the weights are from where they began, all in one vector."""
    start = Trainer(SMALL, trainer.settings, 0, CPU)
    pairs = zip(
        (*trainer.generator.parameters(), *trainer.discriminator.parameters()),
        (*start.generator.parameters(), *start.discriminator.parameters()),
        strict=True,
    )
    return torch.cat([(now.detach().cpu() - then.detach()).flatten() for now, then in pairs])


@pytest.fixture(scope="module")
def plain():
    return trained(fused_adam=False)


def check_alike(found, expected, loss, alike):
    """Compare two trainings: each loss within a share of the other, and the directions that the weights went in."""
    for one, other in zip(found[1], expected[1], strict=True):
        assert one == pytest.approx(other, rel=loss)
    assert torch.cosine_similarity(moved(found[0]), moved(expected[0]), dim=0) > alike
    assert all(value.dtype == torch.float32 for value in found[0].state().part("generator.").values() if value.ndim)


@pytest.mark.parametrize(
    ("change", "loss", "alike"),
    [
        ({"fused_adam": True}, 1e-5, 0.9999),
        ({"precision": "bfloat16"}, 2e-2, 0.95),  # 8 bits of mantissa
        ({"precision": "float16"}, 5e-3, 0.99),  # 11 bits
    ],
)
def test_results_stay_within_the_rounding_of_each_setting(plain, device, change, loss, alike):
    check_alike(trained(device, **({"fused_adam": False} | change)), plain, loss, alike)


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@pytest.mark.parametrize("schedule", ["both", "alternate"])
@pytest.mark.parametrize("compile", ["none", "default", "graphs"])
def test_a_gpu_trains_what_the_cpu_trains(device, schedule, compile):
    exact = trained(fused_adam=False, schedule=schedule)
    check_alike(trained(device, compile=compile, schedule=schedule), exact, 1e-3, 0.99)  # tf32 convolutions
    mixed = trained(device, compile=compile, schedule=schedule, precision="bfloat16")
    check_alike(mixed, exact, 3e-2, 0.95)


@pytest.mark.skipif(not shutil.which("g++"), reason="compiling on the CPU needs a C++ compiler")
@pytest.mark.parametrize("mode", ["default", "graphs"])
def test_a_compiled_network_computes_the_same(mode):
    trainer = Trainer(SMALL.model_copy(update={"image_size": 8}), TrainSettings(steps=1, compile=mode), 0, CPU)
    network, x = trainer.discriminator, torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for judge in (network, trainer._discriminate):
        network.zero_grad()
        logits = judge(x)
        logits.sum().backward()
        found.append([logits.detach(), *(value.grad.clone() for value in network.parameters())])
    assert trainer._discriminate is not network
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    plain = Trainer(trainer.architecture, TrainSettings(steps=1), 0, CPU)
    assert trainer.state().tensors.keys() == plain.state().tensors.keys()  # no traces of the compiler in the names


def test_compiling_without_a_compiler_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"train.compile: default needs a C\+\+ compiler on the CPU"):
        compiled(torch.nn.Linear(1, 1), "default", CPU)


@pytest.mark.parametrize(
    ("has", "type_"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ],
)
def test_auto_is_bfloat16_on_a_cpu_that_multiplies_in_it(monkeypatch, has, type_):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert resolve_precision("auto", CPU) == type_


def test_auto_compiles_nothing_on_a_cpu():
    network = torch.nn.Linear(1, 1)
    assert compiled(network, "auto", CPU) is compiled(network, "none", CPU) is network


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_any_precision_goes_on_where_it_was_stopped(device, precision):
    whole, _ = trained(device, precision=precision)
    settings, real = whole.settings, (torch.rand(16, 3, 16, 16) * 2 - 1).to(device)
    again = Trainer(SMALL, settings, 5, device)
    again.restore(whole.state())
    for trainer in (whole, again):
        trainer.update(real)
    ours, theirs = whole.state(), again.state()
    for name, value in ours.tensors.items():
        if device.type == "cpu":
            assert torch.equal(value, theirs.tensors[name])
        else:  # a GPU's sums of gradients have no fixed order
            torch.testing.assert_close(value, theirs.tensors[name], rtol=1e-2, atol=1e-4)
    assert ours.settings["scalers"] == theirs.settings["scalers"]


def test_float16_leaves_out_a_step_whose_gradients_overflow():
    trainer, _ = trained(precision="float16")
    before = moved(trainer)
    scale = trainer.state().settings["scalers"]["discriminator"]["scale"]
    trainer._update_discriminator(torch.full((16, 3, 16, 16), torch.inf))
    assert torch.equal(moved(trainer), before)
    assert trainer.state().settings["scalers"]["discriminator"]["scale"] == scale / 2
