"""How fast: page views a minute of one device and of one address, and whether anybody paid attention. An IPv6 /64
network counts as one address, like an office behind one IPv4 address.

Counts are of one process and one minute, in dictionaries that are emptied when the minute ends or they grow too
large; what a person can do lies far below the limits of `bots.toml`. Pages opened before the limit was reached stay
where they are: a person who holds down a key loses nothing that was counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts.security.client_ip import rate_limit_key
from tracking.bots.lists import KNOWN

DEVICE, IDLE, ADDRESS = (int(KNOWN["pace"][name]) for name in ("device", "idle", "address"))
MOST = 100_000


@dataclass(slots=True)
class Pace:
    """What happened in the current minute."""

    minute: int = 0
    views: dict[tuple[int, int], int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    attentive: set[tuple[int, int]] = field(default_factory=set)

    def view(self, site_id: int, device: int, ip: str, minute: int) -> str:
        """Count a page view; `behaviour: …` once it is one too many."""
        self.turn(minute)
        key = (site_id, device)
        count = self.views[key] = self.views.get(key, 0) + 1
        network = rate_limit_key(ip)
        there = self.addresses[network] = self.addresses.get(network, 0) + 1
        if count > DEVICE:
            return "behaviour: more pages than anyone reads"
        if count > IDLE and key not in self.attentive:
            return "behaviour: many pages, no attention"
        return "behaviour: more pages than an office reads" if there > ADDRESS else ""

    def click(self, ip: str, minute: int) -> str:
        """Count a click on a link; `behaviour: …` once its address has one too many.

        There is no limit per device: a link is opened once by each of many people, and those behind one address with
        the same browser are one device here.
        """
        self.turn(minute)
        network = rate_limit_key(ip)
        there = self.addresses[network] = self.addresses.get(network, 0) + 1
        return "behaviour: more clicks than an office makes" if there > ADDRESS else ""

    def attention(self, site_id: int, device: int, minute: int) -> None:
        """Somebody looked, scrolled or clicked."""
        self.turn(minute)
        self.attentive.add((site_id, device))

    def turn(self, minute: int) -> None:
        """Begin another minute. A hit of the minute before counts in this one; an earlier one means that the clock was
        set back."""
        is_full = len(self.views) > MOST or len(self.addresses) > MOST or len(self.attentive) > MOST
        if is_full or not self.minute - 1 <= minute <= self.minute:
            self.minute = minute
            self.views, self.addresses, self.attentive = {}, {}, set()

    def forget(self) -> None:
        """Know nothing (tests)."""
        self.minute = 0
        self.turn(1)
        self.minute = 0


pace = Pace()
