from pathlib import Path

import pytest
from rich.console import Console

from dcgan_pipeline import summary
from dcgan_pipeline.summary import print_summary, summary_rows

METRICS = {
    "evaluate.labels": 1000.0,
    "train.final_loss_g": 1.23456,
    "train.steps": 12345.0,
    "dedup.removed": 7.0,
    "faces.images": 1234567.0,
    "preprocess.images_rejected": 0.0,
    "preprocess.files_passed_over": 3.0,
}


def test_rows_stand_in_the_order_of_the_stages_whatever_the_order_of_the_metrics():
    assert summary_rows(METRICS, {}) == [
        ("images in", "1,234,567"),
        ("files passed over", "3"),
        ("images rejected", "0"),
        ("duplicates removed", "7"),
        ("training steps", "12,345"),
        ("final loss of G", "1.235"),
        ("labels for the SVM", "1,000"),
    ]


def test_metrics_without_a_line_are_left_out():
    assert summary_rows({"dedup.mean_bits_on": 60.0, "evaluate.raw_pixels.C": 0.1}, {}) == []


def test_an_accuracy_stands_with_1_96_standard_deviations():
    metrics = {
        "evaluate.labels": 100.0,
        "evaluate.trained_discriminator.accuracy": 82.54,
        "evaluate.trained_discriminator.std": 2.0,
        "evaluate.raw_pixels.accuracy": 60.0,
        "evaluate.raw_pixels.std": 0.0,
        "evaluate.all_labels.accuracy": 70.25,
    }
    assert summary_rows(metrics, {})[1:] == [
        ("accuracy, trained discriminator", "82.5 ± 3.9 %"),
        ("accuracy, raw pixels", "60.0 ± 0.0 %"),
        ("accuracy, all labels", "70.2 %"),
    ]


def test_pictures_come_last_with_the_shortest_path_from_here(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    pictures = {"sample_grid": here / "data" / "grid.png", "loss_curves": elsewhere / "loss.png"}
    assert summary_rows({"faces.images": 1.0}, pictures) == [
        ("images in", "1"),
        ("sample grid", str(Path("data", "grid.png"))),
        ("loss curves", str(elsewhere / "loss.png")),
    ]


def test_nothing_makes_no_rows():
    assert summary_rows({}, {}) == []


@pytest.fixture
def console(monkeypatch):
    found = Console(record=True, width=100)
    monkeypatch.setattr(summary, "get_console", lambda: found)
    return found


def test_the_table_has_a_title_and_every_row(console):
    print_summary("default run", METRICS, {})
    text = console.export_text()
    assert text.startswith("default run")
    for row in summary_rows(METRICS, {}):
        assert all(part in text for part in row)


def test_brackets_in_a_path_are_printed(console):
    print_summary("run [/x]", METRICS, {"sample_grid": Path("/[/a]/[bold]/grid.png")})
    assert "run [/x]" in console.export_text(clear=False)
    assert "/[/a]/[bold]/grid.png" in console.export_text()


def test_nothing_prints_nothing(console):
    print_summary("default run", {}, {})
    assert console.export_text() == ""


@pytest.mark.parametrize("width", [20, 80])
def test_a_path_is_whole_on_a_narrow_screen_and_in_a_pipe(monkeypatch, width):
    found = Console(record=True, width=width)
    monkeypatch.setattr(summary, "get_console", lambda: found)
    path = Path("/a/long/way", *["folder"] * 30, "grid.png")
    print_summary("default run", {"faces.images": 1.0}, {"sample_grid": path})
    lines = found.export_text().splitlines()
    assert lines[0] == "default run"
    assert [line.split()[-1] for line in lines[1:]] == ["1", str(path)]
