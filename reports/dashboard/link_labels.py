"""Labels of the tracked links that started visits. The app that stores the links registers how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from accounts.models import Account


class LinkLabel(NamedTuple):
    """The label of a tracked link, and its page."""

    name: str
    href: str


LinkReader = Callable[[Any, Account, Iterable[int]], dict[int, LinkLabel]]
_readers: list[LinkReader] = []


def register_link_labels(reader: LinkReader) -> None:
    """Register `reader(user, account, ids)`, which returns those of the links that the user may see, by id."""
    if reader not in _readers:
        _readers.append(reader)


def find_links(user: Any, account: Account, ids: Iterable[int]) -> dict[int, LinkLabel]:
    """Return the links that the user may see, by id. The id 0 is not a link."""
    link_ids = {link_id for link_id in ids if link_id}
    links: dict[int, LinkLabel] = {}
    for reader in _readers if link_ids else ():
        links |= reader(user, account, link_ids)
    return links
