"""Where tensors live and how many threads compute: two settings, ``device`` and ``threads``, resolved once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import torch
from threadpoolctl import threadpool_limits

from dcgan_pipeline.errors import InputError, first_line

_VARIABLE = "OMP_NUM_THREADS"


def resolve_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` into a device.

    ``auto`` is the first GPU where there is one, else the CPU.

    Raises
    ------
    InputError
        Where the device does not exist on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):  # codes and statistics need float64, which others lack
            raise RuntimeError("no device of the kinds that the project supports")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device must exist on this machine, got {name!r} ({first_line(error)}); use auto or cpu"
        ) from None
    return device


def resolve_threads(threads: Any) -> int:
    """Turn ``auto`` or a number into a number of threads.

    ``auto`` is what OMP_NUM_THREADS says where it is set, else one a core that this process may use (its affinity and
    its container's quota counted). A number is taken as it is, whatever the environment says.

    Raises
    ------
    InputError
        Where it is neither, or OMP_NUM_THREADS is no number.
    """
    if threads == "auto":
        wanted = os.environ.get(_VARIABLE, "").split(",")[0].strip()  # of nested levels, the first
        if not wanted:
            return joblib.cpu_count()
        if not wanted.isdecimal() or int(wanted) < 1:
            raise InputError(f"{_VARIABLE} must be a number of threads, got {wanted!r}; correct it, or set threads")
        return int(wanted)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InputError(f"threads must be auto or a whole number from 1 on, got {threads!r}")
    return threads


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Let every layer, matrix product and solver of this process compute in so many threads, in the block.

    With OpenMP the number belongs to the thread that sets it: use it in the one that computes. OpenCV has one thread
    always (:mod:`dcgan_pipeline.imaging.detectors`), and DuckDB all cores: neither changes a result.
    """
    before = torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
