"""The authors' arrays, against a literal reading of their Theano code in NumPy's float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import authors_weights, batch_norm_statistics
from dcgan_pipeline.gan.authors_weights import convert_arrays, load_authors_weights, read_arrays
from dcgan_pipeline.gan.data import statistics_batches, to_pixels
from dcgan_pipeline.gan.networks import Discriminator, Generator
from dcgan_pipeline.gan.sampling import draw_latent, load_discriminator, load_generator, sample
from dcgan_pipeline.gan.settings import Architecture, presets
from dcgan_pipeline.randomness import torch_stream

CPU = torch.device("cpu")
SVHN = Architecture.parse(presets()["svhn32"], "svhn32")
PUBLISHED = Path(__file__).parents[2] / "../shared/data/authors_weights/svhn"
GEN = [(100, 4096), 4096, 4096, (256, 128, 5, 5), 128, 128, (128, 64, 5, 5), 64, 64, (64, 3, 5, 5)]
DISCRIM = [(64, 3, 5, 5), (128, 64, 5, 5), 128, 128, (256, 128, 5, 5), 256, 256, (4096, 1)]
BATCHES = 2  # of statistics: quick


def made_up(seed=0):
    """Arrays of the published names and shapes."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for network, shapes in (("gen", GEN), ("discrim", DISCRIM)):
        for number, shape in enumerate(shapes, 1):
            gain = isinstance(shape, int) and not isinstance(shapes[number - 2], int)
            arrays[f"{network}_{number:02d}"] = rng.normal(float(gain), 0.05, shape).astype(np.float32)
    return arrays


def write(arrays, folder):
    folder.mkdir()
    for name, array in arrays.items():
        network, number = name.split("_")
        np.save(folder / f"200_{network}_params.jl_{number}.npy", array)
    return folder


# ---- the authors' network, tap by tap: Theano's convolution turns the kernel around


def convolve(x, kernel):
    """dnn_conv(x, kernel, subsample=(2, 2), border_mode=(2, 2)): (b, i, 2s, 2s) -> (b, o, s, s)."""
    side = x.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    out = np.zeros((len(x), len(kernel), side, side))
    for u in range(5):
        for v in range(5):
            seen = padded[:, :, 4 - u : 4 - u + 2 * side : 2, 4 - v : 4 - v + 2 * side : 2]
            out += np.einsum("oi,bihw->bohw", kernel[:, :, u, v], seen)
    return out


def deconvolve(y, kernel):
    """The gradient of that convolution with respect to its input: (b, i, s, s) -> (b, o, 2s, 2s)."""
    side = y.shape[2]
    padded = np.zeros((len(y), kernel.shape[1], 2 * side + 4, 2 * side + 4))
    for u in range(5):
        for v in range(5):
            spread = np.einsum("io,bihw->bohw", kernel[:, :, u, v], y)
            padded[:, :, 4 - u : 4 - u + 2 * side : 2, 4 - v : 4 - v + 2 * side : 2] += spread
    return padded[:, :, 2:-2, 2:-2]


def batch_norm(x, gain, shift):
    over = (0,) if x.ndim == 2 else (0, 2, 3)
    form = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
    mean = x.mean(over, keepdims=True)
    variance = ((x - mean) ** 2).mean(over, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-8) * gain.reshape(form) + shift.reshape(form)


def authors_generator(arrays, z):
    w = [np.float64(arrays[f"gen_{k:02d}"]) for k in range(1, 11)]
    h = np.maximum(batch_norm(z @ w[0], w[1], w[2]), 0).reshape(-1, 256, 4, 4)
    h = np.maximum(batch_norm(deconvolve(h, w[3]), w[4], w[5]), 0)
    h = np.maximum(batch_norm(deconvolve(h, w[6]), w[7], w[8]), 0)
    return np.tanh(deconvolve(h, w[9]))


def authors_discriminator(arrays, x):
    w = [np.float64(arrays[f"discrim_{k:02d}"]) for k in range(1, 9)]

    def leaky(h):
        return np.where(h > 0, h, 0.2 * h)

    h = leaky(convolve(x, w[0]))
    h = leaky(batch_norm(convolve(h, w[1]), w[2], w[3]))
    h = leaky(batch_norm(convolve(h, w[4]), w[5], w[6]))
    return (h.reshape(len(h), -1) @ w[7])[:, 0]


@pytest.fixture(scope="module")
def arrays():
    return made_up()


@pytest.fixture(scope="module")
def gan(arrays):
    return load_authors_weights(arrays, "normal", 3, CPU, latent_batches=BATCHES)


@torch.no_grad()
def test_both_networks_compute_what_the_authors_compute(arrays, gan):
    z = np.random.default_rng(1).normal(size=(6, 100))
    expected = authors_generator(arrays, z)
    drawn = load_generator(gan, CPU).double().train()(torch.from_numpy(z))
    np.testing.assert_allclose(drawn.numpy(), expected, atol=1e-9)
    judged = load_discriminator(gan, CPU).double().train()(torch.from_numpy(expected))
    np.testing.assert_allclose(judged.numpy(), authors_discriminator(arrays, expected), atol=1e-9)
    assert expected.std() > 0.05  # no flat grey, in which a wrong order of the taps would not show


@pytest.mark.parametrize("strides", [[2], [1, 2]])
def test_any_network_goes_there_and_back(strides):
    architecture = Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3, strides=strides)
    networks = {"gen": Generator(architecture), "discrim": Discriminator(architecture)}
    arrays, expected = {}, {}
    for name, network in networks.items():
        prefix = {"gen": "generator.", "discrim": "discriminator."}[name]
        # Convolutions and their norms take turns; G's projection comes first, D's logit last.
        parameters = dict(network.named_parameters())
        expected |= {prefix + key: value.detach() for key, value in parameters.items()}
        order = ["project.weight", "project_norm.weight", "project_norm.bias"] if name == "gen" else []
        for k in range(len(network.convs)):
            norm = k if name == "gen" else k - 1
            norms = [f"norms.{norm}.weight", f"norms.{norm}.bias"] if 0 <= norm < len(network.norms) else []
            order += [f"convs.{k}.weight", *norms]
        order += ["logit.weight"] if name == "discrim" else []
        assert sorted(order) == sorted(parameters)
        for number, key in enumerate(order, 1):
            value = parameters[key].detach().numpy()
            arrays[f"{name}_{number:02d}"] = np.flip(value, (2, 3)) if value.ndim == 4 else value.T
    found = convert_arrays(arrays, architecture)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_the_result_is_a_gan_with_its_settings(gan):
    settings = gan.settings
    assert (settings["kind"], settings["step"], settings["seed"]) == ("gan", None, 3)
    assert Architecture.parse(settings["architecture"], "architecture") == SVHN
    train = settings["train"]
    assert (train["latent"], train["epochs"], train["batch_size"], train["learning_rate"]) == ("normal", 200, 64, 5e-4)
    assert sample(gan, 3, 0, CPU).shape == (3, 3, 32, 32)


def test_statistics_are_those_of_fresh_z_and_of_samples(arrays, gan):
    generator, discriminator = load_generator(gan, CPU), load_discriminator(gan, CPU)
    noise = torch_stream(3, "statistics z")
    z = [draw_latent(128, 100, "normal", noise) for _ in range(BATCHES)]
    samples = [generator.train()(batch).detach() for batch in z]
    for network, batches, prefix in ((generator, z, "generator."), (discriminator, samples, "discriminator.")):
        batch_norm_statistics.recompute(network, batches)
        for name, value in network.state_dict().items():
            if "running" in name:
                torch.testing.assert_close(value, gan.part(prefix)[name])


def test_with_images_the_discriminators_statistics_are_theirs(arrays, gan, stored):
    pixels = np.random.default_rng(0).integers(0, 256, (140, 3, 32, 32), dtype=np.uint8)
    images, rows = stored(pixels, images_id="abc"), np.arange(130)
    found = load_authors_weights(arrays, "normal", 3, CPU, images, rows, BATCHES)
    assert found.settings["images_id"] == "abc"
    assert "images_id" not in gan.settings
    network = load_discriminator(gan, CPU)
    batch_norm_statistics.recompute(network, statistics_batches(images, rows, 3, CPU))
    for name, value in network.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(value, found.part("discriminator.")[name])
            assert not torch.allclose(value, gan.part("discriminator.")[name])
    assert all(
        torch.equal(value, gan.tensors[name])
        for name, value in found.tensors.items()
        if "generator" in name and "num_batches" not in name
    )


def test_images_of_another_shape_are_refused(arrays, stored):
    with pytest.raises(InputError, match=r"networks for 3 channels of 32 pixels and images of 1 channels of 16"):
        load_authors_weights(arrays, "normal", 0, CPU, stored(np.zeros((9, 1, 16, 16), np.uint8)))


def test_a_folder_gives_the_same_as_its_arrays(arrays, tmp_path):
    found = read_arrays(write(arrays, tmp_path / "svhn"))
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


WRONG = {
    "missing": (
        {"gen_04": None},
        r"array gen_04 must be there, 256 x 128 x 5 x 5 for generator.convs.0.weight, and is",
    ),
    "turned": (
        {"gen_01": np.zeros((4096, 100), np.float32)},
        r"array gen_01 must be 100 x 4096 for generator.project.weight, got 4096 x 100; check",
    ),
    "scalar": ({"discrim_03": np.float32(1)}, r"discrim_03 must be 128 for .*norms.0.weight, got a single number"),
    "NaN": ({"gen_02": np.full(4096, np.nan, np.float32)}, r"gen_02 must be of finite .* float32 with NaN"),
    "whole numbers": ({"gen_02": np.ones(4096, np.int64)}, r"gen_02 must be of finite floating-point .* int64;"),
    "over": ({"gen_11": np.ones(3)}, r"must be 18 for this architecture, got 1 more: gen_11"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arrays_are_named_in_one_line(arrays, case):
    changes, message = WRONG[case]
    given = {name: array for name, array in (arrays | changes).items() if array is not None}
    with pytest.raises(InputError, match=message) as error:
        convert_arrays(given, SVHN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.write_text(""), r"must be a folder of .npy files"),
        (lambda folder: folder.mkdir(), r"must hold arrays named like 200_gen_params.jl_01.npy"),
        (
            lambda folder: [write({"gen_01": np.ones(2)}, folder), np.save(folder / "9_gen_params.jl_1.npy", [1.0])],
            r"has gen_01 twice",
        ),
        (
            lambda folder: write({"gen_01": np.array([{}], dtype=object)}, folder),
            r"must be a whole .npy array of numbers, and is not \(Object arrays cannot be loaded",
        ),
        (
            lambda folder: [folder.mkdir(), (folder / "200_gen_params.jl_01.npy").write_bytes(b"\x93NUMPY")],
            r"must be a whole .npy array of numbers",
        ),
        (
            lambda folder: [folder.mkdir(), (folder / "200_gen_params.jl_01.npy").write_bytes(b"")],
            r"must be a whole .npy array of numbers",
        ),
    ],
    ids=["file", "empty", "twice", "pickle", "cut short", "no bytes"],
)
def test_folders_that_are_none_of_theirs_are_refused_in_one_line(tmp_path, make, message):
    make(tmp_path / "svhn")
    with pytest.raises(InputError, match=message) as error:
        read_arrays(tmp_path / "svhn")
    assert "\n" not in str(error.value)


# ---- the published files


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the authors' weights of ../shared/data")
@torch.no_grad()
def test_the_published_weights_draw_what_their_own_discriminator_takes_for_real(monkeypatch):
    gan = load_authors_weights(PUBLISHED, "normal", 0, CPU, latent_batches=4)
    discriminator = load_discriminator(gan, CPU).train()  # each batch by itself, as in training

    def judged(images):
        return float(discriminator(torch.from_numpy(images).float() / 127.5 - 1).mean())

    images = sample(gan, 64, 0, CPU)
    assert images.std(0).mean() > 20  # they differ
    with monkeypatch.context() as patch:  # kernels as Theano has them draw no digits
        patch.setattr(authors_weights, "_flipped", lambda kernels: kernels)
        unturned = sample(load_authors_weights(PUBLISHED, "normal", 0, CPU, latent_batches=4), 64, 0, CPU)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert judged(images) > max(judged(unturned), judged(noise)) + 3, (judged(images), judged(unturned), judged(noise))


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the authors' weights of ../shared/data")
@torch.no_grad()
def test_the_published_generator_computes_what_the_authors_compute():
    arrays = read_arrays(PUBLISHED)
    generator = Generator(SVHN)
    values = {k.removeprefix("generator."): v for k, v in convert_arrays(arrays, SVHN).items() if "generator." in k}
    generator.load_state_dict(generator.state_dict() | values)
    z = torch.randn(8, 100, generator=torch.Generator().manual_seed(0))
    expected = torch.from_numpy(authors_generator(arrays, z.double().numpy()))
    drawn = generator.train()(z)
    assert F.l1_loss(drawn.double(), expected) < 1e-5
    assert np.abs(to_pixels(drawn).astype(int) - to_pixels(expected)).max() <= 1
