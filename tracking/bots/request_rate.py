"""Rates: page views and clicks a minute of one device and of one address, and whether the device shows attention.

An IPv6 /64 network counts as one address, like an office behind one IPv4 address. Counts are of one process and one
minute, in dictionaries that are emptied when the minute ends or when they grow too large. The limits in `bots.toml` are
far above what a person can do. Views counted before the limit was reached stay stored: a person who holds down a key
loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts.security.client_ip import get_rate_limit_key
from tracking.bots.lists import BOT_LISTS

MAX_PER_DEVICE, MAX_WITHOUT_ATTENTION, MAX_PER_ADDRESS = (
    int(BOT_LISTS["pace"][name]) for name in ("device", "idle", "address")
)
MAX_ENTRIES = 100_000


@dataclass(slots=True)
class RequestRates:
    """Counts of the current minute."""

    minute: int = 0
    views: dict[tuple[int, int], int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    attentive: set[tuple[int, int]] = field(default_factory=set)

    def count_view(self, site_id: int, device: int, ip: str, minute: int) -> str:
        """Count a page view; return `behaviour: …` once a limit is exceeded, else ""."""
        address_count = self.count_address(ip, minute)
        key = (site_id, device)
        count = self.views.get(key, 0) + 1
        if count == 1:
            self.begin_minute(minute)  # if there are too many
        self.views[key] = count
        if count > MAX_PER_DEVICE:
            return "behaviour: more pages than anyone reads"
        if count > MAX_WITHOUT_ATTENTION and key not in self.attentive:
            return "behaviour: many pages, no attention"
        return "behaviour: more pages than an office reads" if address_count > MAX_PER_ADDRESS else ""

    def count_click(self, ip: str, minute: int) -> str:
        """Count a click on a link; return `behaviour: …` once its address exceeds the limit, else "".

        There is no limit per device: many people open a link once each, and those behind one address with the same
        browser are one device here.
        """
        return "behaviour: more clicks than an office makes" if self.count_address(ip, minute) > MAX_PER_ADDRESS else ""

    def count_address(self, ip: str, minute: int) -> int:
        """Count a view or click of an address; return how many it has in this minute."""
        if minute != self.minute:
            self.begin_minute(minute)
        network = get_rate_limit_key(ip) if ":" in ip else ip  # an IPv4 address is its own key
        try:
            self.addresses[network] += 1
        except KeyError:
            self.begin_minute(minute)  # if there are too many
            self.addresses[network] = 1
        return self.addresses[network]

    def note_attention(self, site_id: int, device: int, minute: int) -> None:
        """Note that the device engaged, scrolled or clicked."""
        self.begin_minute(minute)
        self.attentive.add((site_id, device))

    def begin_minute(self, minute: int) -> None:
        """Empty the counts when a new minute begins. A hit of the previous minute counts in the current one; an older
        one means that the clock was set back."""
        is_full = (
            len(self.views) > MAX_ENTRIES or len(self.addresses) > MAX_ENTRIES or len(self.attentive) > MAX_ENTRIES
        )
        if is_full or not self.minute - 1 <= minute <= self.minute:
            self.minute = minute
            self.views, self.addresses, self.attentive = {}, {}, set()
