"""The step is held against the paper's formulas, written out below in float64."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.gan.sampling import draw_latent, load_generator
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
BATCH = 6
SHARES = ("d_real", "d_fake", "accuracy_real", "accuracy_fake")  # of both kinds of images, as D sees them


def settings(**values):
    return TrainSettings(**{"steps": 10, "batch_size": BATCH, "sample_count": 4} | values)


def images(seed=0):
    return torch.rand(BATCH, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def snapshot(network):
    return {name: value.clone() for name, value in network.named_parameters()}


def changed(network, before):
    return {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}


def normalised(x, gain, shift):
    over = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    mean = x.mean(over, keepdim=True)
    variance = ((x - mean) ** 2).mean(over, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-8) * gain.view(shape) + shift.view(shape)


def reference_g(w, z):
    h = normalised(z @ w["project.weight"].T, w["project_norm.weight"], w["project_norm.bias"]).relu()
    h = h.reshape(len(z), -1, 4, 4)
    h = F.conv_transpose2d(h, w["convs.0.weight"], stride=2, padding=1, output_padding=1)
    h = normalised(h, w["norms.0.weight"], w["norms.0.bias"]).relu()
    return torch.tanh(F.conv_transpose2d(h, w["convs.1.weight"], stride=2, padding=1, output_padding=1))


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def reference_d(w, x):
    h = leaky(F.conv2d(x, w["convs.0.weight"], stride=2, padding=1))
    h = F.conv2d(h, w["convs.1.weight"], stride=2, padding=1)
    h = leaky(normalised(h, w["norms.0.weight"], w["norms.0.bias"]))
    return h.flatten(1) @ w["logit.weight"][0]


class ReferenceAdam:
    """Adam (Kingma and Ba, algorithm 1) with L2 added to the gradient."""

    def __init__(self, s):
        self.s, self.t, self.m, self.v = s, 0, {}, {}

    def step(self, w, loss):
        gradients = dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))
        s, self.t = self.s, self.t + 1
        after = {}
        for name, value in w.items():
            g = gradients[name] + s.weight_decay * value
            self.m[name] = s.beta1 * self.m.get(name, 0) + (1 - s.beta1) * g
            self.v[name] = s.beta2 * self.v.get(name, 0) + (1 - s.beta2) * g**2
            m, v = self.m[name] / (1 - s.beta1**self.t), self.v[name] / (1 - s.beta2**self.t)
            after[name] = (value - s.learning_rate * m / (torch.sqrt(v) + s.adam_epsilon)).detach().requires_grad_()
        return after


class Reference:
    def __init__(self, trainer):
        self.g, self.d = ({k: v.requires_grad_() for k, v in snapshot(n).items()} for n in nets(trainer))
        self.adam_g, self.adam_d = ReferenceAdam(trainer.settings), ReferenceAdam(trainer.settings)
        self.noise = torch.Generator()
        self.noise.set_state(trainer.state().tensors["noise_state"])
        self.latent = trainer.settings.latent

    def z(self):
        return draw_latent(BATCH, 5, self.latent, self.noise).double()

    def update_d(self, real):
        on_real, on_fake = reference_d(self.d, real), reference_d(self.d, reference_g(self.g, self.z()).detach())
        loss = -torch.sigmoid(on_real).log().mean() - (1 - torch.sigmoid(on_fake)).log().mean()
        self.d = self.adam_d.step(self.d, loss)
        shares = {"d_real": torch.sigmoid(on_real).mean(), "d_fake": torch.sigmoid(on_fake).mean()}
        shares |= {"accuracy_real": (on_real > 0).double().mean(), "accuracy_fake": (on_fake <= 0).double().mean()}
        return {"loss_d": loss, **shares}

    def update_g(self):
        loss = -torch.sigmoid(reference_d(self.d, reference_g(self.g, self.z()))).log().mean()
        self.g = self.adam_g.step(self.g, loss)
        return {"loss_g": loss}


def nets(trainer):
    return trainer.generator, trainer.discriminator


def in_float64(trainer):
    for network in nets(trainer):
        network.double()
    trainer.generator.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
    return trainer


@pytest.mark.parametrize("schedule", ["alternate", "both"])
@pytest.mark.parametrize("latent", ["uniform", "normal"])
def test_updates_are_those_of_the_paper_and_its_authors(tiny, schedule, latent):
    # A large L2, so that a difference in it would show.
    trainer = in_float64(Trainer(tiny, settings(schedule=schedule, latent=latent, weight_decay=0.1), 0, CPU))
    reference = Reference(trainer)
    for step in range(4):
        real = images(step).double()
        found = trainer.update(real)
        if schedule == "both":
            expected = reference.update_d(real) | reference.update_g()
        else:
            expected = reference.update_d(real) if step % 2 else reference.update_g()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(float(value.detach()), rel=1e-5)
        for network, weights in zip(nets(trainer), (reference.g, reference.d), strict=True):
            for name, value in network.named_parameters():
                # A step is about the learning rate (2e-4) long; the trainer's logits and losses are float32.
                torch.testing.assert_close(value.detach(), weights[name].detach(), atol=2e-7, rtol=0)
    assert trainer.step == 4


def test_the_recipes_settings_reach_both_optimisers(tiny):
    given = settings(learning_rate=1e-3, beta1=0.3, beta2=0.9, adam_epsilon=1e-4, weight_decay=0.2, schedule="both")
    trainer = in_float64(Trainer(tiny, given, 0, CPU))
    reference = Reference(trainer)
    for step in range(2):
        trainer.update(images(step).double())
        reference.update_d(images(step).double())
        reference.update_g()
    for network, weights in zip(nets(trainer), (reference.g, reference.d), strict=True):
        for name, value in network.named_parameters():
            torch.testing.assert_close(value.detach(), weights[name].detach(), atol=1e-6, rtol=0)


def test_alternate_updates_g_alone_and_then_d_alone(tiny):
    trainer = Trainer(tiny, settings(schedule="alternate"), 0, CPU)
    for step in range(4):
        befores = [snapshot(network) for network in nets(trainer)]
        found = trainer.update(images(step))
        of_g, of_d = (changed(network, before) for network, before in zip(nets(trainer), befores, strict=True))
        if step % 2 == 0:
            assert (of_g, of_d, set(found)) == (set(befores[0]), set(), {"loss_g"})
        else:
            assert (of_g, of_d, set(found)) == (set(), set(befores[1]), {"loss_d", *SHARES})


def test_both_updates_every_parameter_of_both(tiny):
    trainer = Trainer(tiny, settings(schedule="both"), 0, CPU)
    befores = [snapshot(network) for network in nets(trainer)]
    found = trainer.update(images())
    for network, before in zip(nets(trainer), befores, strict=True):
        assert changed(network, before) == set(before)
    assert set(found) == {"loss_d", "loss_g", *SHARES}


def test_a_step_of_g_leaves_no_gradient_in_d(tiny):
    trainer = Trainer(tiny, settings(schedule="alternate"), 0, CPU)
    trainer.update(images())
    assert all(p.grad is None for p in trainer.discriminator.parameters())
    assert all(p.requires_grad for p in trainer.discriminator.parameters())
    trainer.update(images())
    kept = [p.grad.clone() for p in trainer.discriminator.parameters()]
    trainer.update(images())
    assert all(torch.equal(a, p.grad) for a, p in zip(kept, trainer.discriminator.parameters(), strict=True))


def test_an_untrained_d_cannot_tell(tiny):
    found = Trainer(tiny, settings(schedule="both", learning_rate=1e-9), 0, CPU).update(images())
    assert float(found["loss_d"]) == pytest.approx(2 * math.log(2), rel=0.05)
    assert float(found["loss_g"]) == pytest.approx(math.log(2), rel=0.05)


@pytest.mark.parametrize("schedule", ["alternate", "both"])
def test_a_restored_training_goes_on_bit_for_bit(tiny, schedule, tmp_path):
    trainer = Trainer(tiny, settings(schedule=schedule), 0, CPU)
    for step in range(3):
        trainer.update(images(step))
    trainer.state().save(tmp_path / "state.safetensors")
    other = Trainer(tiny, settings(schedule=schedule), 99, CPU)  # everything about it must be replaced
    other.restore(Weights.load(tmp_path / "state.safetensors"))
    assert other.step == 3
    for step in range(3, 7):
        losses, again = trainer.update(images(step)), other.update(images(step))
        assert losses == again
    one, two = trainer.state().tensors, other.state().tensors
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    np.testing.assert_array_equal(trainer.draw_fixed(), other.draw_fixed())


def test_a_state_is_a_copy(tiny):
    trainer = Trainer(tiny, settings(), 0, CPU)
    state = trainer.state()
    before = {name: value.clone() for name, value in state.tensors.items()}
    trainer.update(images())
    assert all(torch.equal(value, before[name]) for name, value in state.tensors.items())


def test_a_state_says_what_it_is(tiny):
    found = Trainer(tiny, settings(), 5, CPU).state(images_id="abc").settings
    assert (found["kind"], found["step"], found["seed"], found["images_id"]) == ("gan", 0, 5, "abc")
    assert found["architecture"] == tiny.model_dump(mode="json")
    assert found["train"] == settings().model_dump(mode="json")


def test_drawing_samples_does_not_disturb_the_training(tiny):
    one, two = (Trainer(tiny, settings(), 0, CPU) for _ in range(2))
    one.draw_fixed()
    one.update(images())
    two.update(images())
    assert not changed(one.generator, snapshot(two.generator))


def test_the_fixed_samples_change_with_the_weights_alone(tiny):
    trainer = Trainer(tiny, settings(learning_rate=0.01), 0, CPU)
    first, again = trainer.draw_fixed(), trainer.draw_fixed()
    trainer.update(images())
    assert first.shape == (4, 1, 16, 16)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, trainer.draw_fixed())


def test_the_noise_of_training_is_apart_from_the_fixed_z(tiny):
    trainer = Trainer(tiny, settings(), 0, CPU)
    noise = torch.Generator()
    noise.set_state(trainer.state().tensors["noise_state"])
    assert not torch.equal(draw_latent(4, 5, "uniform", noise), trainer.fixed_z)


def test_the_seed_decides_weights_and_noise(tiny):
    one, same, other = (Trainer(tiny, settings(), seed, CPU).state().tensors for seed in (0, 0, 1))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    for name in ("generator.project.weight", "discriminator.logit.weight", "fixed_z", "noise_state"):
        assert not torch.equal(one[name], other[name])


def test_recomputed_statistics_are_those_of_real_images_and_of_many_z(tiny):
    trainer = Trainer(tiny, settings(), 0, CPU)
    before = snapshot(trainer.generator)
    trainer.recompute_statistics([images(0), images(1)], 3)
    norm = trainer.discriminator.norms[0]
    with torch.no_grad():
        inputs = [trainer.discriminator.convs[1](leaky(trainer.discriminator.convs[0](images(k)))) for k in (0, 1)]
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean((0, 2, 3)) for x in inputs]).mean(0))
    # The projection is linear in z ~ U(-1, 1), whose variance is 1/3.
    expected = (trainer.generator.project.weight.detach() ** 2).sum(1) / 3
    ratio = trainer.generator.project_norm.running_var / expected
    assert 0.6 < float(ratio.min()) < float(ratio.max()) < 1.6  # 3 x 128 draws: a spread of about 7 % a unit
    assert not changed(trainer.generator, before)
    assert not any(network.training for network in nets(trainer))


def test_half_precision_keeps_weights_and_losses_whole(tiny):
    half, full = (
        Trainer(tiny, settings(schedule="both", precision=precision), 0, CPU) for precision in ("bfloat16", "float32")
    )
    found, expected = half.update(images()), full.update(images())
    for name, value in expected.items():
        assert found[name].dtype == torch.float32
        assert float(found[name]) == pytest.approx(float(value), rel=0.02)  # bfloat16 has 8 bits
    assert {value.dtype for value in half.generator.parameters()} == {torch.float32}
    moments = [value for name, value in half.state().tensors.items() if name.startswith("adam")]
    assert {value.dtype for value in moments} == {torch.float32}


def test_the_average_of_g_is_the_exponential_one_of_its_updates(tiny):
    trainer = Trainer(tiny, settings(ema=0.9), 0, CPU)
    expected = {name: value.double() for name, value in snapshot(trainer.generator).items()}
    for step in range(6):  # three of them move G
        trainer.update(images(step))
        if step % 2 == 0:
            now = snapshot(trainer.generator)
            expected = {name: 0.9 * value + 0.1 * now[name].double() for name, value in expected.items()}
    for name, value in trainer.average.named_parameters():
        torch.testing.assert_close(value.double(), expected[name].detach(), atol=1e-6, rtol=0)
        assert not torch.equal(value, snapshot(trainer.generator)[name])


def test_samples_are_drawn_from_the_average_and_training_does_not_depend_on_it(tiny):
    plain, averaged = (Trainer(tiny, settings(ema=ema), 0, CPU) for ema in (None, 0.99))
    for step in range(4):
        assert plain.update(images(step)).keys() == averaged.update(images(step)).keys()
    assert all(torch.equal(a, snapshot(averaged.generator)[k]) for k, a in snapshot(plain.generator).items())
    assert not np.array_equal(plain.draw_fixed(), averaged.draw_fixed())
    for trainer in (plain, averaged):
        trainer.recompute_statistics(iter([images()]), 2)
    one, other = (load_generator(trainer.state(), CPU) for trainer in (plain, averaged))
    assert torch.equal(other.project.weight, averaged.average.project.weight)
    assert not torch.equal(other.project_norm.running_var, one.project_norm.running_var)
    again = Trainer(tiny, settings(ema=0.99), 1, CPU)
    again.restore(averaged.state())
    assert torch.equal(again.average.project.weight, averaged.average.project.weight)
