"""Learned state: named tensors and the settings that made them, in one safetensors file. Never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.files import replacing

_SETTINGS = "settings"  # the key of the file's header that holds the settings as JSON


@dataclass(frozen=True)
class Weights:
    """Named tensors, and settings that JSON can hold; ``settings["kind"]`` says what they are."""

    tensors: dict[str, Tensor]
    settings: dict[str, Any]

    @property
    def attrs(self) -> dict[str, Any]:
        """The settings, under the name that arrays and tables have for what is known of them."""
        return self.settings

    def digest(self) -> str:
        """SHA-256 of all tensors and their names, in hexadecimal."""
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            digest.update(name.encode() + self.tensors[name].cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors under a prefix, by the rest of their names."""
        return {name[len(prefix) :]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        with replacing(Path(path)) as partial:
            # Not save_file, whose files only their owner may read.
            partial.write_bytes(serialise(tensors, metadata={_SETTINGS: json.dumps(self.settings)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Weights:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        InputError
            Where it is none, or cut short.
        """
        with _opened(path) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls(tensors, _settings(path, file.metadata()))


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read only the settings of a file of weights.

    Raises
    ------
    InputError
        As :meth:`Weights.load`.
    """
    with _opened(path) as file:
        return _settings(path, file.metadata())


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise InputError(
            f"{path} must be a whole safetensors file, and is not ({error}); remove it, and make it again"
        ) from None


def _settings(path: str | os.PathLike[str], metadata: dict[str, str] | None) -> dict[str, Any]:
    if metadata is None or _SETTINGS not in metadata:
        raise InputError(f"{path} must carry its settings, and has none; take a file that this project made")
    try:
        found = json.loads(metadata[_SETTINGS])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} must carry its settings, and they are damaged; remove it, and make it again")
    return found
