"""The lists of bots: `tracking/data/bots.toml`, `spam.toml`, and what an installation added to them.

Networks of data centres are among them: people browse from homes, offices, phones and relays, rarely from a server.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

DATA_DIRECTORY = Path(__file__).resolve().parent.parent / "data"
BOT_LISTS = tomllib.loads((DATA_DIRECTORY / "bots.toml").read_text())


def read_added_lines(name: str) -> list[str]:
    """Return the lines of DATA_DIR/bots/<name>.txt without blank ones and comments; [] without the file."""
    path = Path(settings.DATA_DIR) / "bots" / f"{name}.txt"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def compile_words(words: Iterable[str]) -> re.Pattern[str]:
    """Compile an expression that finds any of the words, in any case; the longest first."""
    ordered = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE)


def load_spam_hosts() -> frozenset[str]:
    """Return the hosts that send requests only to advertise themselves as referrers."""
    bundled = tomllib.loads((DATA_DIRECTORY / "spam.toml").read_text())["domains"]
    return frozenset(host.lower().removeprefix("www.") for host in (*bundled, *read_added_lines("spam")))


HOSTING_NUMBERS = frozenset(BOT_LISTS["hosting"]["numbers"])
HOSTING_NAMES = compile_words(BOT_LISTS["hosting"]["words"])
HOSTING_COUNTRY = "A1"  # the code of these networks in a site's excluded countries


@lru_cache(maxsize=20_000)
def is_hosting(asn: int, organization: str) -> bool:
    """Return whether a network, by its number or its name, belongs to a hosting company."""
    return asn in HOSTING_NUMBERS or HOSTING_NAMES.search(organization) is not None
