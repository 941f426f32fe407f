"""Fonts for names in any script: matplotlib's own has no Chinese, Japanese, Korean, Hindi or Thai."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Sequence
from functools import cache

import matplotlib
from matplotlib import font_manager

logger = logging.getLogger(__name__)

_NOT_FONTS = ("Last Resort", "Math", "STIX", "cm")  # boxes for everything, and symbols
_NOTO_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "FULLWIDTH", "IDEOGRAPHIC")


def without_font(text: str) -> set[str]:
    """Let figures draw a text in fonts that are installed; return the characters that none has.

    Fonts that have what the others lack are put at the end of matplotlib's families, where they change nothing else.
    Texts of a figure take the families when they are made, so this comes before.
    """
    families = list(matplotlib.rcParams["font.family"])
    known = set[str]().union(*map(_of_family, families))
    lacking = frozenset(text) - known - {character for character in text if character.isspace()}
    for family in _families_for(lacking) if lacking else ():
        matplotlib.rcParams["font.family"] = families = [*families, family]
        lacking -= _of_family(family)
    return set(lacking)


def class_labels(names: Sequence[str]) -> tuple[list[str], bool]:
    """Return names as a figure can draw them, and whether they are: where no font has them all, their numbers."""
    lacking = "".join(sorted(without_font("".join(names))))
    if not lacking:
        return list(names), True
    _say_once(lacking)
    return [str(number) for number in range(len(names))], False


@cache
def _say_once(lacking: str) -> None:
    east_asian = unicodedata.name(lacking[0], "").startswith(_NOTO_CJK)
    package = "fonts-noto-cjk" if east_asian else "fonts-noto-core"
    logger.warning(
        "no font that is installed has %s of the class names, so that figures number the classes; to have their names, "
        "install one (on Debian and Ubuntu: apt-get install %s)",
        lacking[:20],
        package,
    )


@cache
def _families_for(lacking: frozenset[str]) -> list[str]:
    """Installed families that have some of the characters, the one that has most of them first; as few as needed."""
    found: list[str] = []
    fonts = [font for font in font_manager.fontManager.ttflist if not font.name.startswith(_NOT_FONTS)]
    fonts = sorted(
        fonts, key=lambda font: (font.style != "normal", abs(_weight(font.weight) - 400), "Sans" not in font.name)
    )
    while lacking and fonts:
        best = max(fonts, key=lambda font: len(lacking & _characters(font.fname)))
        if not lacking & _characters(best.fname):
            break
        found.append(best.name)
        lacking -= _characters(best.fname)
    return found


def _weight(weight: int | str) -> int:
    return weight if isinstance(weight, int) else font_manager.weight_dict.get(weight, 400)


def _of_family(family: str) -> frozenset[str]:
    return _characters(font_manager.findfont(font_manager.FontProperties(family=[family])))


@cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font that FreeType cannot read
        return frozenset()
