import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dcgan_pipeline.visualize.film import Film
from dcgan_pipeline.visualize.report import Result, Results, gan_report
from dcgan_pipeline.visualize.settings import ReportSettings
from dcgan_pipeline.weights import Weights

HOSTILE = """<script>alert(1)</script><img src=x onerror="a">' {{ 7 * 7 }}"""
SHAPE = {"image_size": 32, "channels": 1, "latent_dim": 100, "labels": 0}
EMPTY = {"meta", "img", "br"}  # elements without an end


class Page(HTMLParser):
    """Elements with their attributes, and texts by the element that they are in; checks that all are closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]

    def said(self, *tags):
        return [text for tag, text in self.texts if tag in tags]


def weights(**settings):
    about = {
        "kind": "gan",
        "step": 2000,
        "training_images": 1797,
        "architecture": SHAPE,
        "train": {"latent": "uniform"},
    }
    return Weights({"w": torch.ones(3)}, about | settings)


@pytest.fixture
def drawn(tmp_path):
    def draw(name, size=(30, 20), **about):
        file = tmp_path / f"{name}.png"
        Image.new("RGB", size, "red").save(file)
        texts = {"title": f"The title of {name}", "caption": f"What to see in {name}."} | about
        return Result(name, "2026-01-01", file, **texts)

    return draw


@pytest.fixture
def film(tmp_path):
    Film(lambda: [np.zeros((16, 16, 3), np.uint8)] * 3, 24).write_mp4(tmp_path / "latent_walk_film.mp4")
    return Result("latent_walk_film", "2026-01-01", tmp_path / "latent_walk_film.mp4", "The film", "Round and round.")


def page_of(*found, gan=None, version="2026-01-02", **settings):
    html = gan_report(gan or weights(), Results(tuple(found), version), ReportSettings(**settings))
    return Page(html), html


def table(name, rows, **columns):
    frame = pd.DataFrame(columns)
    return Result(name, "2026-01-01", "there.parquet", rows=rows, read=lambda: frame)


def test_the_page_is_whole_html_that_asks_nothing_of_a_network(drawn, film):
    page, html = page_of(drawn("sample_grid"), drawn("latent_walk"), film, drawn("mine"), table("scores", 1, a=[1]))
    assert html.startswith("<!doctype html>")
    (language,) = page.all("html")
    assert language["lang"] == "en"
    assert page.all("script", "link", "iframe", "object", "base", "form") == []
    places = [value for _, attrs in page.elements for name, value in attrs.items() if name in ("src", "href", "poster")]
    assert len(places) > 5
    assert all(place.startswith(("#", "data:image/png;base64,", "data:video/mp4;base64,")) for place in places)
    assert not re.search(r"url\(|@import|https?:", html)
    (policy,) = [attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none';")


def test_every_picture_has_its_words_its_size_and_its_bytes(drawn):
    result = drawn("sample_grid", (30, 20))
    page, _ = page_of(result)
    (image,) = page.all("img")
    assert (image["alt"], image["width"], image["height"]) == ("The title of sample_grid", "30", "20")
    data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert data == result.file.read_bytes()
    assert any("What to see in sample_grid." in text for text in page.said("span"))
    assert page_of(drawn("a", title="", caption=""))[0].all("img")[0]["alt"] == "a"


def test_a_film_plays_when_it_is_asked_to_and_an_animation_when_it_is_opened(drawn, film, tmp_path):
    Image.new("P", (8, 8)).save(tmp_path / "training_animation.gif")
    page, html = page_of(film, Result("training_animation", "2026-01-01", tmp_path / "training_animation.gif"))
    (video,) = page.all("video")
    assert {"controls", "loop", "muted", "playsinline"} <= video.keys()
    assert "autoplay" not in video
    assert video["aria-label"] == "The film"
    assert base64.b64decode(video["src"].partition(",")[2]) == film.file.read_bytes()
    assert re.search(r"<details><summary>Play the animation</summary>\s*<img", html)
    assert page.all("img")[0]["alt"] == "training animation"


def test_sections_are_there_in_their_order_for_what_there_is_alone(drawn, film):
    page, _ = page_of(drawn("label_curve"), drawn("accuracies"), film, drawn("latent_walk"), drawn("mine"))
    expected = ["A walk through latent space", "What the features are worth", "More figures", "Settings"]
    assert page.said("h2") == expected
    assert page.said("h3") == ["Latent walk", "Latent walk film", "Accuracies", "Label curve", "Mine"]
    targets = {attrs["href"].removeprefix("#") for attrs in page.all("a")}
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert targets <= set(ids)
    assert len(ids) == len(set(ids))
    nothing, _ = page_of()
    assert nothing.said("h2") == ["Settings"]
    assert nothing.all("img", "video", "figure") == []


def test_the_page_says_which_gan_it_is_about():
    gan = weights(architecture=SHAPE | {"labels": 2}, classes=["cat", "dog"])
    page, _ = page_of(gan=gan)
    about = dict(zip(page.said("dt"), page.said("dd"), strict=True))
    assert about == {
        "Version": "2026-01-02",
        "Weights": gan.digest()[:16],
        "Trained for": "2,000 steps",
        "Trained on": "1,797 images",
        "Images": "32 x 32, grey",
        "Latent": "z of 100 numbers, uniform",
        "Classes": "cat, dog",
    }
    imported = weights(step=None)
    del imported.settings["training_images"]
    page, _ = page_of(gan=imported, version=None)
    assert page.said("dt") == ["Weights", "Images", "Latent"]
    assert page.said("title") == ["GAN report"]


def test_numbers_and_settings_are_rows_of_tables_that_scroll_in_their_own_boxes(drawn):
    metrics = {"latent_walk.pixels.largest_step": 1.23456, "latent_walk.count": 1234.0}
    gan = weights(train={"latent": "uniform", "quality": {"every": 4}, "decay": {}})
    page, html = page_of(
        drawn("latent_walk", metrics=metrics), table("scores", 2, a=[0.5, np.nan], b=["x", True]), gan=gan
    )
    assert html.count('<div class="scroll" tabindex="0" role="region" aria-label=') == html.count("<table>") == 3
    assert {"pixels, largest step", "count"} <= set(page.said("th"))
    assert {"1.235", "1,234", "0.5", "none", "x", "True", "4", "{}"} <= set(page.said("td"))
    assert {"train.quality.every", "architecture.image_size", "train.decay"} <= set(page.said("code"))


def test_texts_of_anyone_are_texts(drawn):
    gan = weights(architecture=SHAPE | {"labels": 1}, classes=[HOSTILE], **{HOSTILE: HOSTILE})
    hostile = drawn("turn", title=HOSTILE, caption=HOSTILE, metrics={f"turn.{HOSTILE}": 1.0})
    page, html = page_of(hostile, table(HOSTILE, 1, **{HOSTILE: [HOSTILE]}), gan=gan, version=HOSTILE)
    assert page.all("script") == []
    assert len(page.all("img")) == 1
    assert page.all("img")[0]["alt"] == HOSTILE
    assert not any("onerror" in attrs for _, attrs in page.elements)
    assert HOSTILE in page.said("dd")
    assert HOSTILE in page.said("td")
    assert "49" not in html.replace(base64.b64encode(hostile.file.read_bytes()).decode(), "")


def test_what_does_not_fit_is_named_with_its_place_and_the_rest_is_there(drawn, tmp_path):
    large, small = drawn("sample_grid"), drawn("latent_walk", (3, 2))
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(large.file)
    page, html = page_of(large, small, megabytes=0.01)
    assert len(html) < 0.02e6
    assert [image["alt"] for image in page.all("img")] == ["The title of latent_walk"]
    assert str(large.file) in page.said("code")
    assert len(page_of(large, small)[0].all("img")) == 2


def test_long_tables_are_named_and_long_texts_cut():
    def never():
        raise AssertionError("a long table is not read")

    long = Result("draws", "2026-01-01", "there/draws.parquet", rows=1000, read=never)
    page, _ = page_of(table("scores", 1, a=["y" * 1000]), long, gan=weights(note="x" * 1000), table_rows=40)
    assert "there/draws.parquet" in page.said("code")
    assert any("draws, 1,000 rows" in text for text in page.said("li"))
    assert max(len(text) for text in page.said("td")) == 300
