"""Which tracked link started a visit? A higher room knows their names; it registers how to ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from accounts.models import Account


class Link(NamedTuple):
    """What a link is called, and its page."""

    name: str
    href: str


Reader = Callable[[Any, Account, Iterable[int]], dict[int, Link]]
_readers: list[Reader] = []


def register_links(reader: Reader) -> None:
    """`reader(user, account, numbers)` gives the links of those numbers that the user may see."""
    if reader not in _readers:
        _readers.append(reader)


def links(user: Any, account: Account, numbers: Iterable[int]) -> dict[int, Link]:
    """The links the user may see, by number."""
    wanted = {number for number in numbers if number}
    found: dict[int, Link] = {}
    for reader in _readers if wanted else ():
        found |= reader(user, account, wanted)
    return found
