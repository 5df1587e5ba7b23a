"""The colours that pages need of a brand's one accent colour, for the light and the dark theme.

All texts in them or on them have the contrast that WCAG 2.1 AA demands (4.5), and the outline of the focus 3. So an
accent that is too light for links on white is darkened for the light theme, and the other way round: the hue stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

MIN_TEXT_CONTRAST, MIN_OUTLINE_CONTRAST = 4.5, 3.0
MARGIN = 0.05  # above both: browsers round colours that they mix
DEFAULT_HUE = 245.0  # of the product's own accent


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What the colours of a theme are derived from. `grounds` are those that texts stand on, as in `tokens.css`;
    lightness is that of OKLCH, from 0 to 1, and `towards` the one that gives more contrast.
    """

    grounds: tuple[str, ...]
    lightness: tuple[float, float]  # lowest and highest of the accent
    towards: float
    max_chroma: float
    soft: tuple[float, float]  # lightness and highest chroma
    on_accent: tuple[float, float]
    focus: tuple[float, float]
    own: tuple[float, float]  # of the product's own accent


# The bounds of lightness keep the shades that are mixed of accent and surface readable (`goals.css`)
LIGHT = Theme(
    grounds=("oklch(1 0 0)", "oklch(0.978 0.004 250)", "oklch(0.966 0.006 250)"),
    lightness=(0.4, 0.56), towards=0.0, max_chroma=0.2, soft=(0.935, 0.028), on_accent=(1.0, 0.0),
    focus=(0.55, 0.19), own=(0.48, 0.14),
)  # fmt: skip
DARK = Theme(
    grounds=("oklch(0.205 0.013 260)", "oklch(0.165 0.012 260)", "oklch(0.255 0.015 260)"),
    lightness=(0.66, 0.84), towards=1.0, max_chroma=0.15, soft=(0.315, 0.055), on_accent=(0.17, 0.03),
    focus=(0.8, 0.13), own=(0.76, 0.115),
)  # fmt: skip
# Hues of the further series of graphs (light, dark), as in `tokens.css`: one that is too near the accent's gives way
SERIES_HUES = {"series-2": (55.0, 70.0), "series-3": (165.0, 165.0), "series-4": (340.0, 340.0)}
MIN_HUE_DISTANCE = 35.0
MIN_SERIES_CHROMA = 0.04  # below it the accent is a grey, which is near no series


@dataclass(frozen=True, kw_only=True)
class ThemeColors:
    """The colours of one theme, as `#rrggbb`."""

    accent: str
    soft: str
    on_accent: str
    focus: str


@dataclass(frozen=True, kw_only=True)
class AccentColors:
    """The colours of both themes; `replaced` are the series of graphs that get the product's own accent."""

    light: ThemeColors
    dark: ThemeColors
    replaced: tuple[str, ...]


@lru_cache(maxsize=500)
def derive_colors(accent: str) -> AccentColors:
    """Derive the colours of both themes from an accent, `#rrggbb`. Takes some milliseconds the first time."""
    lightness, chroma, hue = _read_oklch(accent)
    return AccentColors(
        light=_derive_theme(LIGHT, lightness, chroma, hue),
        dark=_derive_theme(DARK, lightness, chroma, hue),
        replaced=tuple(name for name, hues in SERIES_HUES.items() if _is_near(hue, chroma, hues)),
    )


def format_stylesheet(accent: str) -> str:
    """Format the colours as a stylesheet that replaces those of `tokens.css`."""
    colors = derive_colors(accent)
    light, dark = colors.light, colors.dark
    pairs = {
        "accent": (light.accent, dark.accent), "accent-soft": (light.soft, dark.soft),
        "on-accent": (light.on_accent, dark.on_accent), "focus": (light.focus, dark.focus),
    }  # fmt: skip
    own = (_format_hex(*LIGHT.own, DEFAULT_HUE), _format_hex(*DARK.own, DEFAULT_HUE))
    pairs |= dict.fromkeys(colors.replaced, own)
    lines = "\n".join(f"  --{name}: light-dark({first}, {second});" for name, (first, second) in pairs.items())
    return f":root {{\n{lines}\n}}\n"


def _derive_theme(theme: Theme, lightness: float, chroma: float, hue: float) -> ThemeColors:
    soft = _format_hex(theme.soft[0], min(theme.soft[1], chroma), hue)
    on_accent = _format_hex(theme.on_accent[0], min(theme.on_accent[1], chroma), hue)
    grounds = (*theme.grounds, soft)

    def is_readable(color: str) -> bool:
        return all(measure_contrast(color, other) >= MIN_TEXT_CONTRAST + MARGIN for other in (*grounds, on_accent))

    def is_visible(color: str) -> bool:
        return all(measure_contrast(color, ground) >= MIN_OUTLINE_CONTRAST + MARGIN for ground in grounds)

    lowest, highest = theme.lightness
    start = min(max(lightness, lowest), highest)
    return ThemeColors(
        accent=_find_color(start, min(chroma, theme.max_chroma), hue, theme.towards, is_readable),
        soft=soft,
        on_accent=on_accent,
        focus=_find_color(theme.focus[0], min(theme.focus[1], chroma), hue, theme.towards, is_visible),
    )


def _find_color(lightness: float, chroma: float, hue: float, towards: float, is_enough: Callable[[str], bool]) -> str:
    """Find the first colour that has enough contrast, in steps of lightness from `lightness` towards black or white."""
    step = 0.01 if towards > lightness else -0.01
    color = _format_hex(lightness, chroma, hue)
    while not is_enough(color) and 0.0 < lightness < 1.0:
        lightness += step
        color = _format_hex(lightness, chroma, hue)
    return color


def _is_near(hue: float, chroma: float, hues: tuple[float, float]) -> bool:
    distances = (abs((hue - other + 180.0) % 360.0 - 180.0) for other in hues)
    return chroma >= MIN_SERIES_CHROMA and min(distances) < MIN_HUE_DISTANCE


@lru_cache(maxsize=5000)
def measure_contrast(first: str, second: str) -> float:
    """Measure the contrast of two colours as WCAG 2.1 defines it, from 1 to 21."""
    from coloraide import Color

    return float(Color(first).contrast(second, method="wcag21"))


def _read_oklch(color: str) -> tuple[float, float, float]:
    """Return lightness, chroma and hue of a colour; a grey has the product's own hue."""
    from coloraide import Color  # here, since importing it takes a tenth of a second and few processes need it

    lightness, chroma, hue = Color(color).convert("oklch").coords(nans=False)
    return lightness, chroma, hue if chroma > 0.001 else DEFAULT_HUE


def _format_hex(lightness: float, chroma: float, hue: float) -> str:
    """Format a colour of OKLCH as `#rrggbb`, with as much of its chroma as screens can show."""
    from coloraide import Color

    color = Color("oklch", [lightness, chroma, hue]).fit("srgb", method="oklch-chroma").convert("srgb")
    return str(color.to_string(hex=True, fit=True))
