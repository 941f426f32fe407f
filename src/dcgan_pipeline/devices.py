"""Where tensors live: one setting, ``device``, resolved once and passed in."""

from __future__ import annotations

import torch

from dcgan_pipeline.errors import InputError


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
        reason = str(error).splitlines()[0]
        raise InputError(f"device must exist on this machine, got {name!r} ({reason}); use auto or cpu") from None
    return device
