"""Draws the bar chart of a mail as a PNG, because mail clients do not display SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

WIDTH, HEIGHT, GAP = 1120, 240, 8  # twice the displayed size, for sharp screens
DEFAULT_COLOR, TRANSPARENT = "#4f6bed", "#00000000"


def draw_bars(bars: Sequence[tuple[str, int]], color: str) -> bytes:
    """Draw the bars as a PNG, scaled to the tallest one; a bar of 0 is a thin line."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), TRANSPARENT)
    draw = ImageDraw.Draw(image)
    highest = max((count for _, count in bars), default=0) or 1
    pitch = WIDTH / max(1, len(bars))
    for index, (_, count) in enumerate(bars):
        top = HEIGHT - max(3, round(count / highest * HEIGHT))
        right = max(index * pitch + 1, (index + 1) * pitch - GAP)
        draw.rounded_rectangle((index * pitch, top, right, HEIGHT), radius=4, fill=color)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
