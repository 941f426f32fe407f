import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan_pipeline.figures.canvas import tile
from dcgan_pipeline.figures.training import (
    diagnostic_curves,
    loss_curves,
    sample_grid,
    training_animation,
)
from dcgan_pipeline.gan import diagnostics


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def history(rows):
    rng = np.random.default_rng(0)
    columns = {name: rng.uniform(0.1, 0.9, rows) for name in ("loss_d", "loss_g", "d_real", "d_fake")}
    return pd.DataFrame({"step": np.arange(1, rows + 1) * 25, **columns})


def drawn(figure):
    """Every curve by its name, as (x, y)."""
    return {line.get_label(): line.get_data() for axes in figure.axes for line in axes.get_lines()}


def test_curves_are_the_columns_of_the_history(rendered):
    table = history(40)
    figure = loss_curves(table)
    rendered(figure)
    assert figure.texts[0].get_text() == "Training, 1,000 steps"
    for name, column in {"D": "loss_d", "G": "loss_g", "real": "d_real", "generated": "d_fake"}.items():
        x, y = drawn(figure)[name]
        np.testing.assert_array_equal(x, table["step"])
        np.testing.assert_array_equal(y, table[column])


def test_gaps_of_a_history_are_bridged(rendered):
    table = history(10)
    table.loc[::2, ["loss_d", "d_real", "d_fake"]] = np.nan
    table.loc[1::2, "loss_g"] = np.nan
    figure = loss_curves(table)
    rendered(figure)
    assert [len(drawn(figure)[name][0]) for name in ("D", "G", "real", "generated")] == [5, 5, 5, 5]


def test_a_history_of_one_row_is_still_seen(rendered):
    pixels = rendered(loss_curves(history(1)))
    empty = rendered(loss_curves(history(1).assign(loss_d=np.nan, loss_g=np.nan, d_real=np.nan, d_fake=np.nan)))
    assert (pixels != empty).any()


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_losses_of_any_size_fit(rendered, scale):
    table = history(200)
    table[["loss_d", "loss_g"]] *= scale
    table["step"] *= 1000
    rendered(loss_curves(table))


def diagnosed(rows, **events):
    rng = np.random.default_rng(1)
    names = ("accuracy_real", "accuracy_fake", "grad_norm_d", "grad_norm_g", "diversity", "contrast")
    names += ("saturation", "saturation_real")
    table = history(rows).assign(**{name: rng.uniform(0.1, 0.9, rows) for name in names}, event="")
    for row, event in events.items():
        table.loc[int(row[1:]), "event"] = event
    return table


def test_diagnostics_are_the_columns_of_the_history(rendered):
    table = diagnosed(40)
    figure = diagnostic_curves(table)
    rendered(figure)
    assert "There was no warning." in figure.texts[1].get_text().replace("\n", " ")
    curves = [
        {line.get_label(): line.get_ydata() for line in axes.get_lines() if not line.get_label().startswith("_")}
        for axes in figure.axes
    ]
    expected = [
        {"real": "accuracy_real", "generated": "accuracy_fake"},
        {"D": "grad_norm_d", "G": "grad_norm_g"},
        {"diversity": "diversity", "contrast": "contrast"},
        {"real": "saturation_real", "generated": "saturation"},
    ]
    for found, columns in zip(curves, expected, strict=True):
        assert found.keys() == columns.keys()
        for name, column in columns.items():
            np.testing.assert_array_equal(found[name], table[column])


def test_warnings_are_lines_in_every_panel_and_words_in_the_caption(rendered):
    both = "G has collapsed: at the same contrast; contrast has drifted: that of the samples"
    figure = diagnostic_curves(diagnosed(40, r3="D wins: it tells all", r9=both))
    rendered(figure)
    for axes in figure.axes:
        assert [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"] == [100, 250]
    caption = figure.texts[1].get_text().replace("\n", " ")
    assert "D wins (100), G has collapsed (250), contrast has drifted (250)." in caption


def test_many_warnings_are_counted(rendered):
    table = diagnosed(60, **{f"r{k}": "G saturates: all" for k in range(9)})
    figure = diagnostic_curves(table)
    rendered(figure)
    assert "and 5 more." in figure.texts[1].get_text().replace("\n", " ")


@pytest.mark.parametrize("rows", [1, 2, 200])
def test_diagnostics_of_any_size_fit(rendered, rows):
    table = diagnosed(rows)
    table["grad_norm_d"] *= 1e-12
    table["contrast"] *= 5
    rendered(diagnostic_curves(table))


def test_gradients_that_vanish_altogether_and_measures_that_were_not_made_are_drawn(rendered):
    rendered(diagnostic_curves(diagnosed(9).assign(grad_norm_d=0.0, grad_norm_g=0.0)))
    rendered(diagnostic_curves(diagnosed(9).assign(diversity=np.nan, contrast=np.nan)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_a_sample_grid_is_a_square_of_generated_images_beside_real_ones(rendered, channels, count):
    generated, real = images(count, channels, 8, 8), 255 - images(count, channels, 8, 8)
    figure = sample_grid(generated, real, 1234)
    rendered(figure)
    side = int(count**0.5)
    left, right = figure.axes
    np.testing.assert_array_equal(left.get_images()[0].get_array(), tile(generated, side))
    np.testing.assert_array_equal(right.get_images()[0].get_array(), tile(real, side))
    assert figure.texts[0].get_text() == "Samples after 1,234 steps"


def test_a_sample_grid_with_fewer_real_images_keeps_their_size_and_starts_at_the_top(rendered):
    figure = sample_grid(images(100, 1, 8, 8), images(13, 1, 8, 8), 1)
    rendered(figure)
    left, right = (axes.get_window_extent() for axes in figure.axes)
    assert left.width == pytest.approx(right.width)
    assert left.y1 == pytest.approx(right.y1)


def images_of(film):
    return [Image.fromarray(frame) for frame in film.frames()]


def reopened(animation):
    file = io.BytesIO()
    animation.save(file, "GIF")
    image = Image.open(file)
    frames = []
    for k in range(image.n_frames):
        image.seek(k)
        frames.append((image.info["duration"], image.convert("RGB")))
    return image, frames


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation_has_a_frame_a_time_and_rests_on_the_last(channels):
    image, frames = reopened(training_animation(images(4, 9, channels, 8, 8), [0, 100, 200, 250], 0.3, 300))
    assert [duration for duration, _ in frames] == [300, 300, 300, 1500]  # milliseconds; the last one five times
    assert image.info["loop"] == 0  # for ever


class Read:
    """Samples by time, which remember what was read."""

    def __init__(self, samples):
        self.samples, self.asked = samples, []

    def __getitem__(self, k):
        self.asked.append(k)
        return self.samples[k]


def test_an_animation_of_many_times_takes_some_evenly_and_reads_one_at_a_time():
    samples = Read(images(11, 4, 1, 8, 8))
    film = training_animation(samples, list(range(0, 110, 10)), 0.3, most=3)
    assert samples.asked == []
    frames = film.frames()
    next(iter(frames))
    assert samples.asked == [0]
    list(frames)
    assert sorted(set(samples.asked)) == [0, 5, 10]
    assert all(isinstance(k, int) for k in samples.asked)  # a row, and not a slice of them


def test_frames_that_do_not_change_are_all_kept():
    samples = np.repeat(images(1, 4, 1, 8, 8), 3, axis=0)
    _, frames = reopened(training_animation(samples, [0, 10, 20], 0.2, 300))
    assert len(frames) == 3


def test_an_animation_of_one_time_is_a_picture():
    image, _ = reopened(training_animation(images(1, 4, 1, 8, 8), [0], 0.2, 300))
    assert image.n_frames == 1


@pytest.mark.parametrize(("count", "side"), [(2, 1), (4, 2), (8, 2), (64, 8)])
def test_a_frame_is_the_largest_square_of_samples_enlarged_by_whole_pixels(count, side):
    samples = images(2, count, 1, 8, 8)
    first = images_of(training_animation(samples, [0, 5], 0.2, 300))[0]
    sheet = tile(samples[0, : side * side], side)
    scale = first.width // sheet.shape[1]
    assert first.width == scale * sheet.shape[1]
    assert 240 <= first.width <= 720
    np.testing.assert_array_equal(np.asarray(first)[: first.width : scale, ::scale], sheet)


def test_large_samples_are_not_made_larger():
    first = images_of(training_animation(images(1, 4, 3, 400, 400), [0], 0.2, 300))[0]
    assert first.width == 801


def test_a_frame_says_its_step():
    one, two, *_ = images_of(training_animation(np.repeat(images(1, 4, 1, 8, 8), 2, axis=0), [0, 12345], 0.2, 300))
    (left, top, _, _) = Image.fromarray((np.asarray(one) != np.asarray(two)).any(2)).getbbox()
    assert top >= one.width  # below the square of samples
    assert left > 0


def test_a_million_rows_are_curves_of_as_many_points_as_can_be_seen():
    rows = 1_000_000
    numbers = np.random.default_rng(0).random(rows)
    columns = ["loss_d", "loss_g", "d_real", "d_fake", *diagnostics.COLUMNS]
    history = pd.DataFrame({"step": np.arange(1, rows + 1), **dict.fromkeys(columns, numbers), "event": ""})
    for figure in (loss_curves(history), diagnostic_curves(history)):
        curve = figure.axes[0].lines[0]
        assert len(curve.get_xdata()) == 2000
        np.testing.assert_allclose(curve.get_ydata()[0], numbers[:500].mean())
        figure.savefig(io.BytesIO(), format="png")
