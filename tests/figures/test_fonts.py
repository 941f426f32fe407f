"""Names in scripts that matplotlib's own font lacks."""

import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.text import Text

from dcgan_pipeline.figures import fonts
from dcgan_pipeline.figures.canvas import printable
from dcgan_pipeline.figures.evaluation import confusion_figure

RUNIC = "ᚠᚢ"  # no font of matplotlib has it, nor any that is usually installed


@pytest.fixture(autouse=True)
def families_as_before(monkeypatch):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    with matplotlib.rc_context():
        yield
    fonts._families_for.cache_clear()
    fonts._say_once.cache_clear()


@pytest.fixture
def without_runes(monkeypatch):
    """Only the fonts that matplotlib brings."""
    own = [font for font in font_manager.fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


@pytest.fixture
def runes(tmp_path, without_runes):
    """A font with two characters, installed."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", "a", "b"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, RUNIC), names[1:], strict=True)))
    pen = TTGlyphPen(None)
    for place, move in (((0, 0), pen.moveTo), ((0, 700), pen.lineTo), ((500, 700), pen.lineTo)):
        move(place)
    pen.closePath()
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Tiny Runes", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(tmp_path / "runes.ttf")
    font_manager.fontManager.addfont(tmp_path / "runes.ttf")


def confusion(*names):
    shares = pd.DataFrame(np.eye(len(names)), columns=list(names))
    return pd.concat([pd.Series(names, name="true"), shares], axis=1)


def drawn(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "Glyph 5792 missing from font(s)"
        figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(Text)}


def test_names_are_drawn_in_a_font_that_is_installed(runes):
    assert {RUNIC, "dog"} <= drawn(confusion_figure(confusion(RUNIC, "dog")))
    assert printable(f"{RUNIC}/1.png", 40) == f"{RUNIC}/1.png"
    assert matplotlib.rcParams["font.family"][-1] == "Tiny Runes"


def test_where_no_font_has_them_classes_are_numbered_and_a_line_says_so(without_runes, caplog):
    for _ in range(2):
        texts = drawn(confusion_figure(confusion(RUNIC, "dog")))
    assert {"0", "1"} <= texts
    assert not {RUNIC, "dog"} & texts
    assert any("numbers are rows of the table" in text.replace("\n", " ") for text in texts)
    (record,) = caplog.records
    assert RUNIC in record.getMessage()
    assert record.getMessage().endswith("(on Debian and Ubuntu: apt-get install fonts-noto-core)")
    assert printable(f"{RUNIC}/1.png", 40) == "??/1.png"


def test_chinese_names_its_own_package(without_runes, caplog):
    assert fonts.class_labels(["猫", "犬"]) == (["0", "1"], False)
    assert "apt-get install fonts-noto-cjk" in caplog.text


def test_what_matplotlib_can_draw_changes_nothing():
    before = list(matplotlib.rcParams["font.family"])
    assert fonts.class_labels(["café", "Ω", "кот"]) == (["café", "Ω", "кот"], True)
    assert matplotlib.rcParams["font.family"] == before
