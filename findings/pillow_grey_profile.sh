#!/usr/bin/env bash
# Guess: ImageCms brings a grey picture with a profile to sRGB to within a level, as it does with a picture of colours.
# Seen (pillow 13.0.0, littlecms 2.19): with the default flags the dark levels of a grey profile of linear light are far
# off: level 1 becomes 6 and ought to be 13, level 4 becomes 25 and ought to be 34. The transform is replaced by a coarse
# table. With Flags.NOOPTIMIZE all 256 levels are within one. A profile of three colours with the same curve is right
# either way.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io
import struct

import numpy as np
from PIL import Image, ImageCms, features


def profile(space, tags):
    table, content, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", at + len(content), len(value))
        content += value
    head = struct.pack(">I4xI4s4s4s12x4s", at + len(content), 0x04200000, b"mntr", space, b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return ImageCms.ImageCmsProfile(io.BytesIO(head.ljust(128, b"\0") + table + content))


def xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


linear = b"curv\0\0\0\0\0\0\0\0"  # no points: light is the level
grey = profile(b"GRAY", {b"wtpt": xyz(0.9642, 1, 0.8249), b"kTRC": linear})
colours = {b"rXYZ": xyz(0.43607, 0.22249, 0.01392), b"gXYZ": xyz(0.38515, 0.71687, 0.09708)}
colours |= {b"bXYZ": xyz(0.14307, 0.06061, 0.71410), b"wtpt": xyz(0.9642, 1, 0.8249)}
rgb = profile(b"RGB ", colours | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), linear))
levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
light = np.arange(256) / 255
shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
srgb, relative = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC


def error(source, mode, flags):
    made = ImageCms.profileToProfile(levels.convert(mode), source, srgb, relative, "RGB", flags=flags)
    found = np.asarray(made)[0, :, 1].astype(float)
    print(mode, flags, "levels 0 to 5 become", found[:6], "largest error", round(np.abs(found - shown).max(), 1))
    return np.abs(found - shown).max()


print("littlecms", features.version("littlecms2"), "ought to be", shown[:6].round(1))
assert error(grey, "L", ImageCms.Flags.NONE) > 6
assert error(grey, "L", ImageCms.Flags.NOOPTIMIZE) <= 1
assert error(rgb, "RGB", ImageCms.Flags.NONE) <= 1
PYTHON
