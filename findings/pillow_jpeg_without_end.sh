#!/usr/bin/env bash
# Guess: a JPEG without the marker of its end is refused as cut short, whole or not; one that was cut and closed with the
# marker cannot be told from a whole one without decoding its Huffman codes oneself.
# Seen (pillow 13.0.0, libjpeg-turbo 3.2.0): the other way round. A whole sequential JPEG whose marker is replaced by 8
# bytes of ones (0xFF00 each) is decoded to the same bits, since libjpeg has all pixels before it looks for the end. A cut
# one is decoded without a word while it has the marker, its rest filled with grey, and refused ("image file is
# truncated") once the marker is replaced: libjpeg waits for more. So the marker hides the cut, and costs nothing to
# replace. Without the marker and without the 8 bytes a whole one is refused, too: libjpeg reads ahead by 64 bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io

import numpy as np
from PIL import Image, features


def decoded(data):
    try:
        return np.asarray(Image.open(io.BytesIO(data))).astype(int)
    except OSError as error:
        return str(error)


print("libjpeg-turbo", features.version("libjpeg_turbo"))
pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
buffer = io.BytesIO()
Image.fromarray(pixels).resize((300, 200), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
whole, end = buffer.getvalue(), b"\xff\xd9"
assert whole.endswith(end)
ahead = b"\xff\x00" * 8
picture, cut = decoded(whole), whole[: len(whole) // 3]
found = {
    "whole, its end replaced": decoded(whole[:-2] + ahead),
    "whole, its end removed": decoded(whole[:-2]),
    "cut, closed": decoded(cut + end),
    "cut, its end replaced": decoded(cut + ahead),
}
for name, value in found.items():
    wrong = value if isinstance(value, str) else f"{100 * (np.abs(value - picture).max(axis=2) > 20).mean():.0f} % wrong"
    print(f"{name}: {wrong}")
assert np.array_equal(found["whole, its end replaced"], picture)
assert "truncated" in found["whole, its end removed"]
assert (np.abs(found["cut, closed"] - picture).max(axis=2) > 20).mean() > 0.3
assert "truncated" in found["cut, its end replaced"]
PYTHON
