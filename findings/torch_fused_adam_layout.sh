#!/usr/bin/env bash
# Guess: an optimiser's state that was saved and loaded gives the same next step, whatever the order of its memory.
# Seen (torch 2.15.0, CPU): with Adam(fused=True), a parameter in channels_last and moments that came back contiguous (as
# safetensors and most files give them) make the next step wrong, without an error: off by 1.5 times the learning rate.
# foreach=True and the plain loop are exact. Copying the moments into torch.empty_like(parameter) mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import torch


def two_steps(kind: dict[str, bool], reload: bool) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(8, 5, 3, 3, generator=rng).to(memory_format=torch.channels_last)
    weight = torch.nn.Parameter(draw())
    adam = torch.optim.Adam([weight], lr=1e-2, **kind)
    for step in range(2):
        if step and reload:
            saved = adam.state_dict()
            saved["state"][0] = {name: value.contiguous() for name, value in saved["state"][0].items()}
            adam.load_state_dict(saved)
        weight.grad = draw()
        adam.step()
    return weight.detach()


error = {}
for name in ("fused", "foreach"):
    kind = {"fused": name == "fused", "foreach": name == "foreach"}
    error[name] = (two_steps(kind, True) - two_steps(kind, False)).abs().max().item()
    print(f"{name}: the second step differs by {error[name]:.2g} after the moments were loaded contiguous")
assert error["fused"] > 5e-3 and error["foreach"] == 0
PYTHON
