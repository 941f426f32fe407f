#!/usr/bin/env bash
# Guess: safetensors.numpy saves an array's values, whatever its order in memory, or refuses it as safetensors.torch does
# (a torch tensor that is not contiguous is a ValueError there).
# Seen (safetensors 0.8.0, numpy 2.4.6): it saves the memory in the order it lies in. An array in Fortran order, such as
# scikit-learn's coef_, comes back scrambled, and every second column of a matrix comes back as the columns before them.
# Shape and dtype are right, and nothing is said. numpy.ascontiguousarray before saving mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
for name, array in {"Fortran order": np.asfortranarray(matrix), "every second column": matrix[:, ::2]}.items():
    back = load(save({"array": array}))["array"]
    print(f"{name}: saved {array.tolist()}, loaded {back.tolist()}")
    assert back.shape == array.shape and not np.array_equal(back, array)
    assert np.array_equal(load(save({"array": np.ascontiguousarray(array)}))["array"], array)
PYTHON
