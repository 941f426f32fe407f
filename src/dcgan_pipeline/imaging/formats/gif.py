"""GIF: what is around a first frame that does not cover the screen.

Nothing is drawn there: it is transparent (GIF89a, 18 and 23: most viewers have given up the background colour). Pillow
paints it in the first colour of the palette where the frame has no transparent one.
"""

from __future__ import annotations

from PIL import GifImagePlugin, Image


def pixels(image: GifImagePlugin.GifImageFile, data: bytes) -> Image.Image:
    """Decode the first frame of an opened file, transparent where it draws nothing."""
    box = image.tile[0].extents if image.tile else None
    image.load()
    if box is None or box == (0, 0, *image.size) or "transparency" in image.info:
        return image  # around it Pillow paints the transparent colour, where there is one
    frame = image.convert("RGBA").crop(box)
    canvas = Image.new("RGBA", image.size)
    canvas.paste(frame, box)
    return canvas
