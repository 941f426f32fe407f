"""What a listing keeps, and a count of what it passes over: nothing that it meets goes without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

PICTURES = frozenset(
    {"avif", "bmp", "dib", "gif", "heic", "heif", "img", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "mpo"}
    | {"pbm", "pgm", "png", "ppm", "qoi", "tga", "tif", "tiff", "webp"}
)

LABELS_NAME = "dataset.json"


class Reason(NamedTuple):
    """Why something that a listing met is not one of its images."""

    text: str
    is_loss: bool = False
    """Whether a user may miss what was passed over."""
    of_files: bool = True
    """False for folders, whose files are unknown or listed elsewhere."""


SYSTEM = Reason("what systems leave behind (.DS_Store, ._*, __MACOSX, Thumbs.db)")
HIDDEN = Reason("hidden files")
HIDDEN_IMAGES = Reason("hidden files with the endings of images", is_loss=True)
NOT_MATCHED = Reason("files that the pattern leaves out")
OTHER_CASE = Reason("files that the pattern leaves out for their capitals ([jJ][pP][gG] takes both)", is_loss=True)
LABELS_NOT_MATCHED = Reason("dataset.json that the pattern leaves out, and so labels (give the folder)", is_loss=True)
COMPANIONS = Reason("companions of images (.cls, .json, .txt and the like)")
OTHER_PICTURES = Reason("pictures beside the plain image of a sample (000.mask.png beside 000.png)", is_loss=True)
BAD_LABELS = Reason(".cls that give no image a label: empty, no text, or of one key with others", is_loss=True)
LINKS = Reason("symbolic links in a tar (`tar --dereference` packs what they lead to)", is_loss=True)
DEVICES = Reason("members of a tar that are no files", is_loss=True)
BEHIND_THE_END = Reason("tars with bytes behind their end that are no tar", is_loss=True, of_files=False)
NO_LABEL_FILE = Reason("images without a label, where others have one of a .cls", is_loss=True, of_files=False)
LABELS_FILE = Reason("dataset.json, which holds the labels")
NO_IMAGE_KEYS = Reason("keys that are no images' (__len__, __keys__)")
BESIDE_LMDB = Reason("files beside the LMDB", is_loss=True)
EMPTY = Reason("empty folders", is_loss=True, of_files=False)
UNREADABLE = Reason("folders that cannot be read", is_loss=True, of_files=False)
LISTED = Reason("links to folders that are listed already", is_loss=True, of_files=False)
LOOPS = Reason("links to folders that they lie in", is_loss=True, of_files=False)
UNKNOWN_NAMES = Reason("labels in dataset.json of files that are not there", is_loss=True, of_files=False)
NOT_NAMED = Reason("images that dataset.json gives no label", is_loss=True, of_files=False)
TWO_LABELS = Reason("files that dataset.json gives two labels, of which the last counts", is_loss=True, of_files=False)
NO_PAIRS = Reason("entries in dataset.json that are no name and label", is_loss=True, of_files=False)
NO_CLASSES = Reason("labels in dataset.json that are no whole numbers, and so no classes", is_loss=True, of_files=False)


class Sieve:
    """Says which files a listing keeps, and counts the others by their reasons.

    Parameters
    ----------
    matches
        Says whether a name is of the pattern that was asked for.
    matches_in_any_case
        Says whether it would be with other capitals.
    """

    def __init__(
        self,
        matches: Callable[[str], object] | None = None,
        matches_in_any_case: Callable[[str], object] | None = None,
    ) -> None:
        self.passed_over: Counter[Reason] = Counter()
        self._matches, self._in_any_case = matches, matches_in_any_case

    def keeps(self, name: str) -> bool:
        """Say whether a file of this name is kept, and count it where it is not."""
        reason = why_left_behind(name)
        if reason is None and self._matches is not None and not self._matches(name):
            reason = self._why_not_matched(name)
        if reason is None:
            return True
        self.passed_over[reason] += 1
        return False

    def _why_not_matched(self, name: str) -> Reason:
        if self._in_any_case is not None and self._in_any_case(name):
            return OTHER_CASE
        return LABELS_NOT_MATCHED if name.rpartition("/")[2] == LABELS_NAME else NOT_MATCHED


def looks_like_an_image(name: str) -> bool:
    """Say whether a name has the ending of an image."""
    return name.rpartition(".")[2].lower() in PICTURES


def why_left_behind(name: str) -> Reason | None:
    """Say why a file of any listing is passed over by its name alone; None where it is not."""
    if not (name.startswith(".") or "/." in name or "__MACOSX" in name or name.endswith("Thumbs.db")):
        return None  # the rule for nearly all of millions of names
    parts = name.split("/")
    if parts[-1] in ("Thumbs.db", ".DS_Store") or parts[-1].startswith("._") or "__MACOSX" in parts:
        return SYSTEM
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        return HIDDEN_IMAGES if looks_like_an_image(name) else HIDDEN
    return None


def files_passed_over(counts: Mapping[Reason, int]) -> int:
    """Count the files that were passed over, for whatever reason."""
    return sum(count for reason, count in counts.items() if reason.of_files)


def described(counts: Mapping[Reason, int]) -> str:
    """Say the counts in words, what a user may miss first; empty where there are none."""
    order = sorted(((reason, count) for reason, count in counts.items() if count), key=lambda item: not item[0].is_loss)
    return "; ".join(f"{reason.text}: {count:,}" for reason, count in order)


def has_losses(counts: Mapping[Reason, int]) -> bool:
    """Say whether a user may miss some of what was passed over."""
    return any(count and reason.is_loss for reason, count in counts.items())
