"""The colours derived from a brand's accent are readable in both themes, whatever the accent is: measured here by the
formulas of WCAG 2.1 on the colours that the stylesheet has and on the grounds that `tokens.css` has."""

from __future__ import annotations

import colorsys
import re
from functools import cache
from pathlib import Path

import pytest
from coloraide import Color

from accounts.white_label.accent_colors import format_stylesheet

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
PAIR = re.compile(r"--([a-z0-9-]+): light-dark\(((?:[^()]|\([^()]*\))+), ((?:[^()]|\([^()]*\))+)\);")
THEMES = ("light", "dark")
GROUNDS = ("surface", "ground", "raised")
SHADE = 0.46  # of the accent in the darkest shade of a table (`goals.css`)


def read_colors(sheet: str) -> dict[str, tuple[str, str]]:
    """The colours of a stylesheet by name, each for the light and the dark theme."""
    return {name: (light, dark) for name, light, dark in PAIR.findall(sheet.replace("var(--hue-accent)", "245"))}


@cache
def measure_luminance(color: str) -> float:
    """The relative luminance of a colour that screens can show."""
    channels = [min(max(channel, 0.0), 1.0) for channel in Color(color).convert("srgb").coords()]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def measure_contrast(first: str, second: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((measure_luminance(first), measure_luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def list_accents(hues: range) -> list[str]:
    """Accents of these hues, pale and strong, dark and light."""
    return [
        "#" + "".join(f"{round(255 * channel):02x}" for channel in colorsys.hls_to_rgb(hue / 360, lightness, strength))
        for hue in hues
        for lightness in (0.08, 0.3, 0.5, 0.7, 0.93)
        for strength in (0.25, 1.0)
    ]


GREYS = ["#000000", "#333333", "#808080", "#cccccc", "#ffffff"]
TOKEN_COLORS = read_colors(TOKENS.read_text())


def find_unreadable(accent: str) -> list[str]:
    """What of an accent's colours has less contrast than AA demands, in either theme."""
    colors, found = read_colors(format_stylesheet(accent)), []
    for index, theme in enumerate(THEMES):
        brand = {name: pair[index] for name, pair in colors.items()}
        tokens = {name: pair[index] for name, pair in TOKEN_COLORS.items()}
        shade = Color(tokens["surface"]).mix(brand["accent"], SHADE, space="oklab").convert("srgb").to_string(hex=True)
        grounds = {name: tokens[name] for name in GROUNDS} | {"accent-soft": brand["accent-soft"]}
        texts = [(f"accent on {name}", brand["accent"], ground, 4.5) for name, ground in grounds.items()]
        texts += [(f"focus on {name}", brand["focus"], ground, 3.0) for name, ground in grounds.items()]
        texts += [
            ("on-accent", brand["on-accent"], brand["accent"], 4.5),
            ("ink on accent-soft", tokens["ink"], brand["accent-soft"], 4.5),
            ("ink-soft on accent-soft", tokens["ink-soft"], brand["accent-soft"], 4.5),
            ("ink on the darkest shade", tokens["ink"], shade, 4.5),
        ]
        measured = ((what, measure_contrast(text, ground), least) for what, text, ground, least in texts)
        found += [f"{accent}, {theme}: {what} {contrast:.2f}" for what, contrast, least in measured if contrast < least]
    return found


def test_the_measure_is_that_of_wcag() -> None:
    assert measure_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert measure_contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert find_unreadable("#ffdd00") == [] and measure_contrast("#ffdd00", "#ffffff") < 1.4, "as it was entered"


def test_every_hue_is_readable_in_both_themes() -> None:
    accents = [*GREYS, *list_accents(range(0, 360, 20))]
    assert [problem for accent in accents for problem in find_unreadable(accent)] == []


@pytest.mark.heavy
def test_every_degree_of_hue_is_readable_in_both_themes() -> None:
    assert [problem for accent in list_accents(range(360)) for problem in find_unreadable(accent)] == []


def test_the_products_own_accent_is_readable_by_the_same_measure() -> None:
    for index in range(2):
        for name in (*GROUNDS, "accent-soft"):
            assert measure_contrast(TOKEN_COLORS["accent"][index], TOKEN_COLORS[name][index]) >= 4.5
        assert measure_contrast(TOKEN_COLORS["on-accent"][index], TOKEN_COLORS["accent"][index]) >= 4.5


@pytest.mark.parametrize("accent", list_accents(range(0, 360, 30)))
def test_the_hue_stays_the_brands(accent: str) -> None:
    lightness, chroma, hue = Color(accent).convert("oklch").coords(nans=False)
    for derived in read_colors(format_stylesheet(accent))["accent"]:
        derived_hue = Color(derived).convert("oklch").coords(nans=False)[2]
        distance = abs((derived_hue - hue + 180) % 360 - 180)
        assert distance < 8 or chroma < 0.02, f"{accent} at {lightness} became {derived}"


def test_an_accent_that_is_readable_in_a_theme_stays_what_it_is_there() -> None:
    assert read_colors(format_stylesheet("#00704d"))["accent"][0] == "#00704d"
    assert read_colors(format_stylesheet("#e5b567"))["accent"][1] == "#e5b567"


@pytest.mark.parametrize(
    ("accent", "replaced"),
    [("#d9620f", "series-2"), ("#0a9f6a", "series-3"), ("#d6218f", "series-4"), ("#1f5fd0", ""), ("#777777", "")],
)
def test_a_series_of_graphs_that_looked_like_the_accent_gets_another_color(accent: str, replaced: str) -> None:
    colors = read_colors(format_stylesheet(accent))
    assert {name for name in colors if name.startswith("series-")} == ({replaced} if replaced else set())
