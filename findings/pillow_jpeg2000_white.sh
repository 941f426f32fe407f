#!/usr/bin/env bash
# Pillow makes black of the white of a JPEG 2000 of 16 bits in colour.
#
# Guessed: a decoder to 8 bits clips what its rounding carries beyond 255, so that white stays white.
# Seen (Pillow 13.0.0, opencv-python-headless 4.14.0.94, Python 3.11, Linux x86-64): Pillow adds half a step, shifts, and
# keeps the lower 8 bits: 65535 becomes 0, as does all from 65408 on; an opaque opacity becomes a transparent one. OpenCV
# gives the 16 bits as they are. Grey images have no such fault: Pillow gives them in 16 bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 opencv-python-headless==4.14.0.94
"$folder/venv/bin/python" - <<'PY'
import io

import cv2
import numpy as np
from PIL import Image

stored = np.full((64, 64, 3), 65535, np.uint16)
stored[:32] = 65407
file = cv2.imencode(".jp2", stored, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1]
by_opencv = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
by_pillow = np.asarray(Image.open(io.BytesIO(file.tobytes())))
for row in (0, 63):
    print("stored", stored[row, 0], "OpenCV", by_opencv[row, 0], "Pillow", by_pillow[row, 0])
assert np.array_equal(by_opencv, stored)
assert (by_pillow[0] == 255).all()
assert (by_pillow[63] == 0).all()
PY
