"""Was this device ever seen before? Bloom filters: bounded memory, no database on the way.

A filter of 16 MB takes CAPACITY devices; then a new one is begun, and of more than MAX_FILTERS the oldest is dropped.
So none ever fills up: one device in 80 is called "seen" wrongly at most, one in 500 with a single filter. A device that
comes back is noted in the newest filter, so whoever comes regularly stays known; who was away while 48 million other
devices came counts as new. Devices without a cookie have a new number every day.

The filters are written to DATA_DIR now and then and at the end; what came after that is read back from the store at the
start. In Redis the bits are shared; each process keeps its own beside them, for the time without Redis.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from tracking import shared

BITS = 27
SIZE = 1 << (BITS - 3)
PROBES = 4
CAPACITY = 8_000_000  # devices in one filter
MAX_FILTERS = 6
NAME = "footfall:devices"  # of the filters in Redis; the first one has no number
# Whether a device is in one of the filters, and note it in the newest. ARGV: 1 to note it, CAPACITY, MAX_FILTERS, the
# number of set bits from which a filter of an earlier version is of no use, the device's bits
SEEN = """
local newest = tonumber(redis.call('GET', KEYS[1] .. ':newest'))
if not newest then
  newest = 0
  if redis.call('BITCOUNT', KEYS[1]) > tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
  redis.call('SET', KEYS[1] .. ':newest', 0)
end
local function name(number) return number == 0 and KEYS[1] or KEYS[1] .. ':' .. number end
local function has(number)
  for i = 5, #ARGV do
    if redis.call('GETBIT', name(number), ARGV[i]) == 0 then return false end
  end
  return true
end
if has(newest) then return 1 end
local seen = 0
for number = newest - 1, math.max(0, newest - ARGV[3] + 1), -1 do
  if has(number) then seen = 1 break end
end
if ARGV[1] == '1' then
  for i = 5, #ARGV do redis.call('SETBIT', name(newest), ARGV[i], 1) end
  if redis.call('INCR', KEYS[1] .. ':count') >= tonumber(ARGV[2]) then
    redis.call('SET', KEYS[1] .. ':count', 0)
    redis.call('SET', KEYS[1] .. ':newest', newest + 1)
    if newest + 1 >= tonumber(ARGV[3]) then redis.call('DEL', name(newest + 1 - ARGV[3])) end
  end
end
return seen
"""


def places(site_id: int, device: int) -> list[int]:
    """The bits of a device of a site."""
    mixed = (device * 0x9E3779B97F4A7C15 ^ site_id * 0xC2B2AE3D27D4EB4F) & ((1 << 128) - 1)
    mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCDC4CEB9FE1A85EC53 & ((1 << 128) - 1)
    return [mixed >> (BITS * probe + 8) & ((1 << BITS) - 1) for probe in range(PROBES)]


def max_set_bits() -> int:
    """How many bits are set in a filter that took twice the devices it is meant for: it is not worth keeping."""
    return round((1 - math.exp(-PROBES * 2 * CAPACITY / (1 << BITS))) * (1 << BITS))


@dataclass
class Filter:
    """One Bloom filter. `count`: the devices noted in it; `saved`: what `count` was when it was written last."""

    number: int
    bits: bytearray = field(default_factory=lambda: bytearray(SIZE), repr=False)
    count: int = 0
    saved: int = 0

    def has(self, device: list[int]) -> bool:
        """Whether the device with these places was noted."""
        return all(self.bits[place >> 3] & (1 << (place & 7)) for place in device)

    def add(self, device: list[int]) -> None:
        """Note a device."""
        for place in device:
            self.bits[place >> 3] |= 1 << (place & 7)
        self.count += 1

    def set_bits(self) -> int:
        """How many bits are set."""
        return int.from_bytes(self.bits, "little").bit_count()

    def path(self) -> Path:
        """Where it is kept."""
        return Path(settings.DATA_DIR) / (f"devices-{self.number}.bits" if self.number else "devices.bits")


class Filters:
    """The filters of this process, the newest last."""

    def __init__(self, found: list[Filter]) -> None:
        self.all = found or [Filter(0)]
        self.lock = threading.Lock()

    def has(self, device: list[int]) -> bool:
        """Whether the device is in any of them."""
        return any(one.has(device) for one in reversed(self.all))

    def first_time(self, device: list[int]) -> bool:
        """Whether the device is in none of them; it is in the newest one from now on."""
        with self.lock:
            if self.all[-1].has(device):
                return False
            seen = self.has(device)
            self.all[-1].add(device)
            if self.all[-1].count >= CAPACITY:
                self.all.append(Filter(self.all[-1].number + 1))
                for old in self.all[:-MAX_FILTERS]:
                    old.path().unlink(missing_ok=True)
                self.all = self.all[-MAX_FILTERS:]
            return not seen

    def save(self) -> None:
        """Write those that have changed, each whole or not at all."""
        for one in list(self.all):
            if (count := one.count) != one.saved:
                half = one.path().with_suffix(".new")
                half.write_bytes(one.bits)
                os.replace(half, one.path())
                one.saved = count


_lock = threading.Lock()
_filters: Filters | None = None


def filters() -> Filters:
    """The filters of this process, read on first use."""
    global _filters
    if _filters is None:
        with _lock:
            if _filters is None:
                _filters = Filters(read_filters())
    return _filters


def read_filters() -> list[Filter]:
    """The filters in DATA_DIR, the newest last; how many devices each took is worked out from its bits."""
    found = []
    for path in Path(settings.DATA_DIR).glob("devices*.bits"):
        number = path.stem.removeprefix("devices").removeprefix("-") or "0"
        bits = bytearray(path.read_bytes()) if number.isdigit() else bytearray()
        one = Filter(int(number), bits) if len(bits) == SIZE else None
        if one is not None and (ones := one.set_bits()) <= max_set_bits():
            one.count = one.saved = round(-(1 << BITS) / PROBES * math.log(1 - ones / (1 << BITS)))
            found.append(one)
    return sorted(found, key=lambda one: one.number)[-MAX_FILTERS:]


def first_time(site_id: int, device: int) -> bool:
    """Whether the device was not seen on this site before; it is seen from now on."""
    where = places(site_id, device)
    before = _seen_by_all(where, note=True)
    alone = filters().first_time(where)
    return alone if before is None else not before


def known(site_id: int, device: int) -> bool:
    """Whether the device was seen on this site before; it is not seen by being asked about."""
    where = places(site_id, device)
    found = _seen_by_all(where, note=False)
    return filters().has(where) if found is None else found


def _seen_by_all(where: list[int], note: bool) -> bool | None:
    """Whether any process has seen the device with these places; None while Redis does not say."""
    given = (int(note), CAPACITY, MAX_FILTERS, max_set_bits(), *where)
    return shared.together(lambda client: bool(_script(client)(keys=[NAME], args=given)))


def _script(client: Any) -> Any:
    """The script for Redis, which is sent by its hash once Redis knows it."""
    global _registered
    if _registered is None or _registered[0] is not client:
        _registered = (client, client.register_script(SEEN))
    return _registered[1]


_registered: tuple[Any, Any] | None = None


def save() -> None:
    """Write what has changed since the last time."""
    if _filters is not None:
        _filters.save()


def forget() -> None:
    """Know nothing (tests)."""
    global _filters
    _filters = None
    for path in Path(settings.DATA_DIR).glob("devices*.bits"):
        path.unlink()
    shared.together(lambda client: [client.delete(name) for name in client.scan_iter(f"{NAME}*")])
