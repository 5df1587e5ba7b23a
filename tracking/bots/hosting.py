"""Networks of data centres. People browse from homes, offices, phones and relays, rarely from a rented server."""

from __future__ import annotations

from functools import lru_cache

from tracking.bots.lists import BOT_LISTS, compile_words

HOSTING_NUMBERS = frozenset(BOT_LISTS["hosting"]["numbers"])
HOSTING_NAMES = compile_words(BOT_LISTS["hosting"]["words"])
COUNTRY = "A1"  # how exclusions by country name such networks


@lru_cache(maxsize=20_000)
def is_hosting(asn: int, organization: str) -> bool:
    """Return whether a network, by its number or its name, belongs to a hosting company."""
    return asn in HOSTING_NUMBERS or HOSTING_NAMES.search(organization) is not None
