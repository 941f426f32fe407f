"""What makes a step faster without changing what it computes: lower precision where a device is quick at it, compiling,
CUDA graphs.

Every choice is a setting; ``auto`` takes what the device at hand is known to be quickest with, and depends on the
device alone, so that the same settings give the same bits on one machine.
"""

from __future__ import annotations

import shutil
from typing import Any

import torch
from torch import nn

from dcgan_pipeline.errors import InputError


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """Give the type that convolutions compute in.

    ``auto`` is bfloat16 on a GPU and a CPU that multiply in it (tensor cores; AMX, AVX-512 BF16), float16 on an older
    GPU, and float32 elsewhere.
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    quick = any(torch.cpu.get_capabilities().get(name) for name in ("amx_bf16", "avx512_bf16"))
    return torch.bfloat16 if quick else torch.float32


def compiled(network: nn.Module, mode: str, device: torch.device) -> Any:
    """Return a network as it is called in a step: compiled by ``torch.compile``, or as it is.

    Parameters
    ----------
    mode
        none; default; graphs, compiled and replayed as CUDA graphs (on a CPU, compiled); auto, default on a GPU and
        none on a CPU, where compiling takes longer than it saves in these networks.

    Raises
    ------
    InputError
        Where a CPU is to compile and the machine has no C++ compiler.
    """
    if mode == "auto":
        mode = "default" if device.type == "cuda" else "none"
    if mode == "none":
        return network
    if device.type == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        raise InputError(f"train.compile: {mode} needs a C++ compiler on the CPU, and there is none; set it to none")
    return torch.compile(network, mode="reduce-overhead" if mode == "graphs" else "default", dynamic=False)


def begin_step(mode: str, device: torch.device) -> None:
    """Let CUDA graphs write over what they returned in the last step; called before the first network of the next."""
    if mode == "graphs" and device.type == "cuda":
        torch.compiler.cudagraph_mark_step_begin()
