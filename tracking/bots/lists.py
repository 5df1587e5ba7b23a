"""What is known of bots: `tracking/data/bots.toml`, `spam.toml`, and what an installation added to them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

DATA = Path(__file__).resolve().parent.parent / "data"
KNOWN: dict[str, Any] = tomllib.loads((DATA / "bots.toml").read_text())


def added(name: str) -> list[str]:
    """The lines of DATA_DIR/bots/<name>.txt without blanks and comments; none without the file."""
    path = Path(settings.DATA_DIR) / "bots" / f"{name}.txt"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def any_word(words: Iterable[str]) -> re.Pattern[str]:
    """One expression that finds any of the words, in any case; the longest first."""
    ordered = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE)


def spam_hosts() -> frozenset[str]:
    """Hosts that advertise themselves as referrers."""
    bundled = tomllib.loads((DATA / "spam.toml").read_text())["domains"]
    return frozenset(host.lower().removeprefix("www.") for host in (*bundled, *added("spam")))
