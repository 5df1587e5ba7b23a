"""Mails in Chromium at the widths of desktop and phone mail programs, in light and dark.

Screenshots are written to `screenshots/mail-*.png` (not kept in git): look at them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "screenshots"
SIZES = (600, 320)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
LETTERS = ("digest-day", "digest-week", "alert")
# Texts whose colour is less than 4.5 times as light or dark as the ground below them
FAINT = r"""() => {
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const c = rgb(getComputedStyle(node).backgroundColor);
      if (c.length && c[3] !== 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("p, td, span, a, strong")) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())) continue;
    const a = light(rgb(getComputedStyle(node).color)), b = light(ground(node));
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) found.push(node.textContent.trim().slice(0, 40));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The letters' HTML."""
    folder = tmp_path_factory.mktemp("letters")
    env = {
        **os.environ, "DATA_DIR": str(folder / "data"), "EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "tests.browser.letters", str(folder)], cwd=ROOT, env=env, check=True)
    return {name: (folder / f"{name}.html").read_text() for name in LETTERS}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
def test_mails_fit_their_width_and_have_enough_contrast(
    chromium: Browser, letters: dict[str, str], width: int, theme: Theme
) -> None:
    OUT.mkdir(exist_ok=True)
    wide, faint = [], []
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    for name, html in letters.items():
        page, label = context.new_page(), f"mail-{name}-{width}-{theme}"
        page.set_content(html)
        page.screenshot(path=OUT / f"{label}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(label)
        faint += [f"{label}: {text}" for text in page.evaluate(FAINT)]
        page.close()
    context.close()
    assert (wide, faint) == ([], [])
