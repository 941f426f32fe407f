#!/usr/bin/env bash
# Guess: a decoder that makes 8 bits of 16 clips what its rounding carries beyond 255, so that white stays white.
# Seen (Pillow 13.0.0): in a JPEG 2000 in colour white becomes black, as does all from 65408 on, and an opaque opacity
# becomes a transparent one: half a step is added, the sum is shifted, and its lower 8 bits are kept. OpenCV 4.14.0 gives
# the 16 bits as they are. Pillow gives greys in 16 bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
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
PYTHON
