"""A history may have millions of rows, and lies beside the checkpoint."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from trainings import CPU, StoppedError, run, samples, stop_at

from dcgan_pipeline.gan.history import History, Since
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.weights import Weights, read_settings

MILLION = 1_000_000


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    """A history of a million rows."""
    folder = tmp_path_factory.mktemp("history")
    lines = "".join(f'{{"step": {step}, "loss_d": 1.5, "event": ""}}\n' for step in range(1, MILLION + 1))
    (folder / "history.jsonl").write_text(lines)
    return History(folder, len(lines), MILLION)


def test_a_checkpoint_with_a_million_rows_is_as_small_as_with_one_and_writes_what_is_new(million, tmp_path):
    before = million.file.stat().st_size
    million.append({"step": MILLION + 1, "loss_d": 0.5})
    state = Weights({"w": torch.ones(2)}, {"kind": "gan", "history": million.settle()})
    state.save(tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_size < 1000
    assert million.file.stat().st_size - before == len('{"step": 1000001, "loss_d": 0.5}\n')
    again = History.of(read_settings(tmp_path / "a.safetensors")["history"], million.file.parent)
    table = again.table(["loss_d", "never"])
    assert list(table["step"].iloc[[0, -1]]) == [1, MILLION + 1]
    assert list(table["loss_d"].iloc[[0, -1]]) == [1.5, 0.5]
    assert table["never"].isna().all()
    assert table.dtypes.astype(str).to_dict() == {
        "step": "int64",
        "loss_d": "float64",
        "never": "float64",
        "event": "str",
    }


def test_what_came_after_a_checkpoint_is_written_over(tmp_path):
    history = History(tmp_path)
    history.append({"step": 1, "loss_d": 1 / 3})
    saved = history.settle()
    for step in range(2, 30):
        history.append({"step": step, "event": "lost"})
    history.settle()
    again = History.of(saved, tmp_path)
    again.append({"step": 2, "nearest": 0.1})
    assert again.last == 2
    again.settle()
    assert list(again.rows()) == [{"step": 1, "loss_d": 1 / 3}, {"step": 2, "nearest": 0.1}]
    assert len(again.file.read_text().splitlines()) == 2
    expected = pd.DataFrame({"step": [1, 2], "loss_d": [1 / 3, np.nan], "nearest": [np.nan, 0.1]})
    pd.testing.assert_frame_equal(again.table(["loss_d"]).drop(columns="event"), expected, check_exact=True)


def test_rows_that_no_checkpoint_has_yet_are_rows(tmp_path):
    history = History(tmp_path)
    history.append({"step": 3, "event": "ä"})
    assert not history.file.exists()
    assert history.table([])["event"].tolist() == ["ä"]


def test_scalars_since_a_row_have_the_mean_of_all_however_many():
    values = torch.rand(5000, generator=torch.Generator().manual_seed(0))
    since = Since()
    for k, value in enumerate(values):
        since.add({"a": value} | ({"b": value} if k % 2 else {}))
    assert since.means() == {"a": float(values.mean()), "b": float(values[1::2].contiguous().mean())}
    assert all(len(parts) <= 1024 for parts in since._parts.values())
    assert Since(since.tensors()).means() == since.means()


def test_a_header_does_not_grow_with_the_minibatches_of_a_row(array, tmp_path):
    sizes = []
    for name, steps in (("few", 5), ("many", 60)):
        with pytest.raises(StoppedError):
            run(
                array,
                tmp_path / name,
                lambda numbers, step: stop_at(step)(0, step),
                steps=steps + 1,
                log_every=steps + 1,
                checkpoint_every=steps,
                sample_every=100,
            )
        (path,) = (tmp_path / name).rglob("*.safetensors")
        sizes.append(len(json.dumps(read_settings(path))))
    assert abs(sizes[1] - sizes[0]) < 10


def test_live_curves_have_a_bounded_number_of_points(array, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.gan.plan._POINTS", 5)
    logged = []
    history = run(
        array, tmp_path, lambda numbers, step: logged.append(step), log_every=1, quality={"every": None}
    ).history
    assert logged == [3, 6, 9, 12, 14]
    assert list(history["step"]) == list(range(1, 15))


# A checkpoint whose header has the history, made by the version before: killed at step 6 of 8.
OLD = Path(__file__).parent / "checkpoint_with_history"
SETTINGS = {
    "architecture": {"latent_dim": 3, "width": 2, "kernel": 3},
    "steps": 8,
    "batch_size": 4,
    "sample_count": 2,
    "log_every": 2,
    "sample_every": 2,
    "checkpoint_every": 5,
    "quality": {"every": 4, "samples": 4, "metrics": ["nearest"]},
}


def test_a_checkpoint_with_its_history_in_the_header_is_gone_on_from(stored, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 16, 16), dtype=np.uint8)
    array = stored(pixels, images_id="0123456789abcdef")
    shutil.copytree(OLD, tmp_path / "old")

    def train(folder, **values):
        settings = TrainSettings.parse(SETTINGS | values, "train")
        return train_gan(array, np.arange(12), settings, 0, CPU, tmp_path / folder, lambda *_: None)

    resumed, whole = train("old", resume=True), train("new")
    assert list(resumed.history["step"]) == [2, 4, 6, 8]
    pd.testing.assert_frame_equal(resumed.history, whole.history, rtol=1e-4)  # made on another machine
    assert np.abs(samples(resumed).astype(int) - samples(whole)).max() <= 1
    assert [row["step"] for row in map(json.loads, next((tmp_path / "old").rglob("history.jsonl")).open())] == [
        2,
        4,
        6,
        8,
    ]
