"""Networks that rent out machines. People come from homes, offices, phones and relays; these are none of them."""

from __future__ import annotations

from functools import lru_cache

from tracking.bots.lists import KNOWN, any_word

NUMBERS = frozenset(KNOWN["hosting"]["numbers"])
WORDS = any_word(KNOWN["hosting"]["words"])
COUNTRY = "A1"  # how exclusions by country name such networks


@lru_cache(maxsize=20_000)
def is_hosting(number: int, organization: str) -> bool:
    """Whether a network, by number and name, is one of them."""
    return number in NUMBERS or WORDS.search(organization) is not None
