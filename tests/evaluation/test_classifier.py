"""The step is held against cross-entropy and Adam, written out below in float64."""

import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.classifier import Classifier, ClassifierTrainer, HyperParameters
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = Architecture(image_size=16, channels=1, latent_dim=5, width=4, kernel=3)
CLASSES, BATCH = 3, 6


def trained_gan():
    network = Discriminator(TINY)
    initialise(network, torch.Generator().manual_seed(9))
    tensors = {f"discriminator.{name}": value for name, value in network.state_dict().items()}
    return Weights(tensors, {"kind": "gan", "architecture": TINY.model_dump(mode="json")})


def batch(step=0):
    stream = torch_stream(step)
    x = torch.rand(BATCH, 1, 16, 16, generator=stream) * 2 - 1
    return x, torch.randint(CLASSES, (BATCH,), generator=stream)


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def reference_scores(w, x, kept):
    h = leaky(F.conv2d(x, w["convs.0.weight"], stride=2, padding=1))
    h = F.conv2d(h, w["convs.1.weight"], stride=2, padding=1)
    mean = h.mean((0, 2, 3), keepdim=True)
    variance = ((h - mean) ** 2).mean((0, 2, 3), keepdim=True)
    gain, shift = (w[f"norms.0.{name}"].view(1, -1, 1, 1) for name in ("weight", "bias"))
    h = leaky((h - mean) / torch.sqrt(variance + 1e-8) * gain + shift)
    return (h.flatten(1) * kept) @ w["logit.weight"].T


def reference_loss(w, x, labels, kept):
    shares = torch.exp(reference_scores(w, x, kept))
    shares = shares / shares.sum(1, keepdim=True)
    return -shares[torch.arange(len(x)), labels].log().mean()


@pytest.mark.parametrize("hyper", [{}, {"beta1": 0.5, "dropout": 0.4}, {"convolutions": 0.1}, {"convolutions": 0}])
@pytest.mark.parametrize("fine", [False, True])
def test_updates_are_cross_entropy_and_adam(hyper, fine):
    # A large L2, so that a difference in it would show.
    hyper = HyperParameters(weight_decay=0.1, **hyper)
    trainer = ClassifierTrainer(TINY, CLASSES, hyper, 0, CPU, trained_gan() if fine else None)
    trainer.network.double()
    w = {name: value.clone() for name, value in trainer.network.named_parameters()}
    m, v, drops = dict.fromkeys(w, 0.0), dict.fromkeys(w, 0.0), torch_stream(0, "dropout")
    for step in range(1, 4):
        x, labels = batch(step)
        x, kept = x.double(), torch.ones(BATCH, 8 * 16, dtype=torch.float64)
        if hyper.dropout:
            kept = torch.empty(BATCH, 8 * 16).bernoulli_(1 - hyper.dropout, generator=drops) / (1 - hyper.dropout)
        w = {name: value.detach().requires_grad_() for name, value in w.items()}
        loss = reference_loss(w, x, labels, kept)
        assert float(trainer.update(x, labels)) == pytest.approx(float(loss.detach()), rel=1e-6)
        for (name, value), gradient in zip(w.items(), torch.autograd.grad(loss, list(w.values())), strict=True):
            gradient = gradient + 0.1 * value.detach()
            m[name] = hyper.beta1 * m[name] + (1 - hyper.beta1) * gradient
            v[name] = 0.999 * v[name] + 0.001 * gradient**2
            rate = 1e-3 * (hyper.convolutions if fine and name != "logit.weight" else 1)
            length = m[name] / (1 - hyper.beta1**step) / (torch.sqrt(v[name] / (1 - 0.999**step)) + 1e-8)
            w[name] = value.detach() - rate * length
        for name, value in trainer.network.named_parameters():
            torch.testing.assert_close(value.detach(), w[name], atol=1e-8, rtol=0)


def test_the_network_is_the_discriminator_but_for_its_last_layer():
    trainer, network = ClassifierTrainer(TINY, CLASSES, HyperParameters(), 0, CPU), Discriminator(TINY)
    shapes, own = ({k: v.shape for k, v in n.state_dict().items()} for n in (network, trainer.network))
    assert shapes.pop("logit.weight") == (1, 8 * 16)
    assert own.pop("logit.weight") == (3, 8 * 16)
    assert own == shapes
    assert trainer.network(batch()[0]).shape == (BATCH, CLASSES)


def test_fresh_weights_are_drawn_as_the_paper_draws_them():
    wide = Architecture(image_size=32, channels=3, width=32)
    network = ClassifierTrainer(wide, 10, HyperParameters(), 0, CPU).network
    for name, value in network.named_parameters():
        if name.endswith("bias"):
            assert not value.any()
        else:
            centre = 1.0 if name.startswith("norms") else 0.0
            assert float(value.detach().mean()) == pytest.approx(centre, abs=0.01)
            assert float(value.detach().std()) == pytest.approx(0.02, rel=0.2)


def test_fine_tuning_starts_from_the_discriminators_convolutions_exactly_and_from_a_fresh_last_layer():
    gan = trained_gan()
    fresh, fine = (ClassifierTrainer(TINY, CLASSES, HyperParameters(), 0, CPU, start).network for start in (None, gan))
    for name, value in fine.state_dict().items():
        if name != "logit.weight":
            assert torch.equal(value, gan.tensors[f"discriminator.{name}"]), name
    assert torch.equal(fine.logit.weight, fresh.logit.weight)


def test_frozen_convolutions_stay():
    trainer = ClassifierTrainer(TINY, CLASSES, HyperParameters(convolutions=0), 0, CPU, trained_gan())
    before = {name: value.clone() for name, value in trainer.network.named_parameters()}
    trainer.update(*batch())
    changed = {name for name, value in trainer.network.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {"logit.weight"}


def test_augmentation_and_dropout_draw_from_streams_of_the_seed():
    def after(seed):
        trainer = ClassifierTrainer(TINY, CLASSES, HyperParameters(shift=2, flips=True, dropout=0.5), seed, CPU)
        trainer.network.load_state_dict(common.state_dict())
        losses = [float(trainer.update(*batch(step))) for step in range(3)]
        return losses, trainer.network.state_dict()

    common = Classifier(TINY, CLASSES)
    one, same, other = after(0), after(0), after(1)
    assert one[0] == same[0]
    assert all(torch.equal(value, same[1][name]) for name, value in one[1].items())
    assert one[0] != other[0]


def test_lower_precision_learns_the_same_roughly():
    whole, half = (
        ClassifierTrainer(TINY, CLASSES, HyperParameters(), 0, CPU, None, p) for p in ("float32", "bfloat16")
    )
    for step in range(3):
        losses = [float(trainer.update(*batch(step))) for trainer in (whole, half)]
        assert losses[0] != losses[1]
        assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert half.network.logit.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0}, "hyper.learning_rate: input should be greater than 0, got 0"),
        ({"dropout": 1}, "hyper.dropout: input should be less than 1, got 1"),
        ({"batch_size": 1}, "hyper.batch_size: input should be greater than or equal to 2, got 1"),
        ({"momentum": 1}, "hyper.momentum is not a setting"),
    ],
)
def test_impossible_hyper_parameters_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        HyperParameters.parse(values, "hyper")
