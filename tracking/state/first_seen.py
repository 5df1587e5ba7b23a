"""First-seen filter: was this device ever seen on this site? Bloom filters need bounded memory and no database.

A filter of 16 MB takes CAPACITY devices; then a new one is begun, and of more than MAX_FILTERS the oldest is dropped.
So none ever fills up: at most one device in 80 is wrongly reported as seen, one in 500 with a single filter. A
returning device is added to the newest filter, so that regular visitors are recognised; a device that stayed away
while 48 million others came counts as new. Devices without a cookie have a new number every day.

The filters are saved to DATA_DIR regularly and at shutdown; later devices are restored from the event store at the
start. In Redis the bits are shared; each process also has its own, for the time when Redis is away.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from tracking.state import shared_redis

BITS = 27
SIZE = 1 << (BITS - 3)
PROBES = 4
CAPACITY = 8_000_000  # devices in one filter
MAX_FILTERS = 6
NAME = "footfall:devices"  # key of the filters in Redis; the first filter's has no number
# Returns whether a device is in one of the filters, and adds it to the newest. ARGV: 1 to add it, CAPACITY,
# MAX_FILTERS, the number of set bits from which a filter of an earlier version is useless, the device's bits
FIRST_SEEN_SCRIPT = """
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


def hash_bits(site_id: int, device: int) -> list[int]:
    """Return the positions of a device's bits."""
    mixed = (device * 0x9E3779B97F4A7C15 ^ site_id * 0xC2B2AE3D27D4EB4F) & ((1 << 128) - 1)
    mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCDC4CEB9FE1A85EC53 & ((1 << 128) - 1)
    return [mixed >> (BITS * probe + 8) & ((1 << BITS) - 1) for probe in range(PROBES)]


def compute_max_set_bits() -> int:
    """Return how many bits are set in a filter with twice its CAPACITY; from there on it is useless."""
    return round((1 - math.exp(-PROBES * 2 * CAPACITY / (1 << BITS))) * (1 << BITS))


@dataclass
class BloomFilter:
    """One Bloom filter. `count` is the number of devices in it, `saved` was `count` when it was last saved."""

    number: int
    bits: bytearray = field(default_factory=lambda: bytearray(SIZE), repr=False)
    count: int = 0
    saved: int = 0

    def has(self, device: list[int]) -> bool:
        """Return whether the device with these bits was added."""
        return all(self.bits[place >> 3] & (1 << (place & 7)) for place in device)

    def add(self, device: list[int]) -> None:
        """Add a device."""
        for place in device:
            self.bits[place >> 3] |= 1 << (place & 7)
        self.count += 1

    def set_bits(self) -> int:
        """Count the set bits."""
        return int.from_bytes(self.bits, "little").bit_count()

    def path(self) -> Path:
        """Return the file it is saved to."""
        return Path(settings.DATA_DIR) / (f"devices-{self.number}.bits" if self.number else "devices.bits")


class FirstSeenFilter:
    """The filters of this process, the newest last."""

    def __init__(self, loaded: list[BloomFilter]) -> None:
        self.filters = loaded or [BloomFilter(0)]
        self.lock = threading.Lock()

    def has(self, device: list[int]) -> bool:
        """Return whether the device is in any of the filters."""
        return any(bloom.has(device) for bloom in reversed(self.filters))

    def register(self, device: list[int]) -> bool:
        """Return whether the device is in none of the filters, and add it to the newest."""
        with self.lock:
            if self.filters[-1].has(device):
                return False
            in_older_filter = self.has(device)
            self.filters[-1].add(device)
            if self.filters[-1].count >= CAPACITY:
                self.filters.append(BloomFilter(self.filters[-1].number + 1))
                for old in self.filters[:-MAX_FILTERS]:
                    old.path().unlink(missing_ok=True)
                self.filters = self.filters[-MAX_FILTERS:]
            return not in_older_filter

    def save(self) -> None:
        """Save the filters that have changed, each atomically."""
        for bloom in list(self.filters):
            if (count := bloom.count) != bloom.saved:
                temporary = bloom.path().with_suffix(".new")
                temporary.write_bytes(bloom.bits)
                os.replace(temporary, bloom.path())
                bloom.saved = count


_lock = threading.Lock()
_filters: FirstSeenFilter | None = None


def get_filter() -> FirstSeenFilter:
    """Return the filters of this process, loaded on first use."""
    global _filters
    if _filters is None:
        with _lock:
            if _filters is None:
                _filters = FirstSeenFilter(read_filters())
    return _filters


def read_filters() -> list[BloomFilter]:
    """Load the filters in DATA_DIR, the newest last; the count of devices is estimated from the set bits."""
    loaded = []
    for path in Path(settings.DATA_DIR).glob("devices*.bits"):
        number = path.stem.removeprefix("devices").removeprefix("-") or "0"
        bits = bytearray(path.read_bytes()) if number.isdigit() else bytearray()
        bloom = BloomFilter(int(number), bits) if len(bits) == SIZE else None
        if bloom is not None and (set_bits := bloom.set_bits()) <= compute_max_set_bits():
            bloom.count = bloom.saved = round(-(1 << BITS) / PROBES * math.log(1 - set_bits / (1 << BITS)))
            loaded.append(bloom)
    return sorted(loaded, key=lambda bloom: bloom.number)[-MAX_FILTERS:]


def register_device(site_id: int, device: int) -> bool:
    """Return whether the device was not seen on this site before, and add it."""
    bits = hash_bits(site_id, device)
    shared_result = _ask_redis(bits, add=True)
    local_result = get_filter().register(bits)
    return local_result if shared_result is None else not shared_result


def was_seen(site_id: int, device: int) -> bool:
    """Return whether the device was seen on this site before, without adding it."""
    bits = hash_bits(site_id, device)
    shared_result = _ask_redis(bits, add=False)
    return get_filter().has(bits) if shared_result is None else shared_result


def _ask_redis(bits: list[int], add: bool) -> bool | None:
    """Return whether any process has seen the device with these bits; None without Redis or while it is away."""
    args = (int(add), CAPACITY, MAX_FILTERS, compute_max_set_bits(), *bits)
    return shared_redis.run_or_none(lambda client: bool(_get_script(client)(keys=[NAME], args=args)))


def _get_script(client: Any) -> Any:
    """Return the registered script; redis-py sends only its hash once Redis has it."""
    global _script_of_client
    if _script_of_client is None or _script_of_client[0] is not client:
        _script_of_client = (client, client.register_script(FIRST_SEEN_SCRIPT))
    return _script_of_client[1]


_script_of_client: tuple[Any, Any] | None = None


def save() -> None:
    """Save the filters that have changed."""
    if _filters is not None:
        _filters.save()


def forget() -> None:
    """Delete all filters (tests)."""
    global _filters
    _filters = None
    for path in Path(settings.DATA_DIR).glob("devices*.bits"):
        path.unlink()
    shared_redis.run_or_none(lambda client: [client.delete(name) for name in client.scan_iter(f"{NAME}*")])
