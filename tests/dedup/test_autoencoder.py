import numpy as np
import pytest
import torch

from dcgan_pipeline.dedup.autoencoder import Autoencoder, train_autoencoder
from dcgan_pipeline.dedup.inputs import normalised
from dcgan_pipeline.dedup.settings import AutoencoderSettings
from dcgan_pipeline.errors import InputError

CPU = torch.device("cpu")
SETTINGS = AutoencoderSettings(code_bits=64, steps=120, batch_size=25)


def fit(thumbnails, seed=0, settings=SETTINGS, log=lambda losses, step: None):
    return train_autoencoder(thumbnails, settings, seed, CPU, log)


@pytest.fixture(scope="module")
def fitted(thumbnails):
    return fit(thumbnails)


def test_defaults_are_the_papers_shape():
    model = Autoencoder(AutoencoderSettings())
    assert model.encoder.weight.shape == (128, 3072)
    assert model.decoder.weight.shape == (3072, 128)


@pytest.mark.parametrize("wrong", [{"code_bits": 100}, {"dropout": 1.0}, {"noise": -0.1}, {"steps": 0}, {"bits": 128}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        AutoencoderSettings.parse(wrong, "dedup")


def test_reconstruction_is_that_of_the_corrupted_input_through_a_dropped_out_code():
    model = Autoencoder(AutoencoderSettings(code_bits=8, noise=0.3, dropout=0.25))
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.rand(4, 3072, generator=generator), torch.randn(4, 3072, generator=generator)
    mask = (torch.rand(4, 8, generator=generator) > 0.25).float()
    W, b, V, c = (t.detach().double().numpy() for t in model.parameters())
    code = np.maximum((x + 0.3 * noise).double().numpy() @ W.T + b, 0) * mask.numpy() / 0.75
    np.testing.assert_allclose(model(x, noise, mask).detach().numpy(), code @ V.T + c, atol=1e-5)


def test_the_loss_falls_below_that_of_the_mean_image(thumbnails, natural):
    _, history = fit(thumbnails, settings=SETTINGS.model_copy(update={"steps": 240}))
    losses = history["loss"].to_numpy()
    assert losses[-1] < 0.8 * losses[0]
    inputs = normalised(torch.from_numpy(natural), SETTINGS.normalise)
    assert losses[-1] < inputs.var(0).mean()


def test_the_history_has_a_row_every_so_many_steps_and_each_is_logged(thumbnails):
    logged = []
    _, history = fit(thumbnails, log=lambda losses, step: logged.append((step, losses)))
    assert list(history.columns) == ["step", "loss"]
    assert list(history["step"]) == [50, 100, 120]  # 120 is the last
    assert logged == [(row.step, {"dedup.autoencoder_loss": row.loss}) for row in history.itertuples()]


def test_the_mean_image_is_that_of_the_thumbnails(fitted, natural):
    weights, _ = fitted
    expected = normalised(torch.from_numpy(natural), SETTINGS.normalise).double().mean(0)
    np.testing.assert_allclose(weights.tensors["mean"].numpy(), expected, atol=1e-6)


def test_weights_say_what_they_are(fitted):
    weights, _ = fitted
    assert weights.settings == {"kind": "hash_encoder", **SETTINGS.model_dump()}
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.tensors.items()}
    assert shapes == {
        "mean": (3072,),
        "encoder.weight": (64, 3072),
        "encoder.bias": (64,),
        "decoder.weight": (3072, 64),
        "decoder.bias": (3072,),
    }
    assert {tensor.dtype for tensor in weights.tensors.values()} == {torch.float32}


def test_the_seed_decides_everything(thumbnails, fitted):
    torch.manual_seed(123)  # the global generator has no part in it
    (one, history), (two, again), (other, _) = fitted, fit(thumbnails), fit(thumbnails, seed=1)
    assert history.equals(again)
    assert all(torch.equal(value, two.tensors[name]) for name, value in one.tensors.items())
    assert not torch.equal(one.tensors["encoder.weight"], other.tensors["encoder.weight"])


def test_a_set_smaller_than_a_batch_is_one_batch(stored, natural):
    # Without noise; with it, the loss of so few images jumps about.
    _, history = fit(stored(natural[:7]), settings=AutoencoderSettings(code_bits=64, steps=100, noise=0, dropout=0))
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_noise_and_dropout_make_the_task_harder(thumbnails):
    free = AutoencoderSettings(code_bits=64, steps=48, batch_size=25, noise=0, dropout=0)
    hard = AutoencoderSettings(code_bits=64, steps=48, batch_size=25, noise=1, dropout=0.8)
    assert fit(thumbnails, settings=free)[1]["loss"].iloc[-1] < fit(thumbnails, settings=hard)[1]["loss"].iloc[-1]
