#!/usr/bin/env bash
# Guess: torchvision.io.decode_image(apply_exif_orientation=True) turns every format whose EXIF it can be handed.
# Seen (torchvision 0.29.2): it turns JPEG and PNG, and leaves WebP as it is stored, without a word. Pillow's
# ImageOps.exif_transpose turns all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2 pillow==13.0.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io

import torch
from PIL import Image, ImageOps
from torchvision.io import ImageReadMode, decode_image

exif = Image.Exif()
exif[0x0112] = 6  # a quarter turn
turned = {}
for kind in ("JPEG", "PNG", "WEBP"):
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(file, kind, exif=exif)
    data = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
    height, width = decode_image(data, ImageReadMode.RGB, apply_exif_orientation=True).shape[1:]
    assert ImageOps.exif_transpose(Image.open(file)).size == (20, 40)
    turned[kind] = (width, height) == (20, 40)
    print(f"{kind}: stored 40 x 20, decoded {width} x {height}")
assert turned == {"JPEG": True, "PNG": True, "WEBP": False}
PYTHON
