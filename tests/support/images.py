"""Images that tests upload."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def draw_png(color: str, size: tuple[int, int] = (64, 32)) -> bytes:
    """A PNG of one color."""
    return draw_image("PNG", color, size)


def draw_image(kind: str, color: str = "#336699", size: tuple[int, int] = (64, 32)) -> bytes:
    """An image of one color in one of Pillow's formats."""
    out = BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()
