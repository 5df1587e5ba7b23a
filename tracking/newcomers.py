"""Was this device ever seen before? A Bloom filter: fixed memory, no database on the way.

With 16 MB and four bits a device, a million devices give one false "seen" in a million, ten million one in two
hundred. It is written to DATA_DIR now and then and at the end; what came after that is read back from the store
at the start. In Redis the bits are shared; each process keeps its own beside
them, for the time without Redis.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from django.conf import settings

from tracking import shared

BITS = 27
SIZE = 1 << (BITS - 3)
PROBES = 4
NAME = "footfall:devices"  # of the bits in Redis
_lock = threading.Lock()
_bits: bytearray | None = None


def places(site_id: int, device: int) -> list[int]:
    """The bits of a device of a site."""
    mixed = (device * 0x9E3779B97F4A7C15 ^ site_id * 0xC2B2AE3D27D4EB4F) & ((1 << 128) - 1)
    mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCDC4CEB9FE1A85EC53 & ((1 << 128) - 1)
    return [mixed >> (BITS * probe + 8) & ((1 << BITS) - 1) for probe in range(PROBES)]


def path() -> Path:
    """Where the bits are kept."""
    return Path(settings.DATA_DIR) / "devices.bits"


def bits() -> bytearray:
    """The bits, read on first use."""
    global _bits
    if _bits is None:
        with _lock:
            if _bits is None:
                try:
                    kept = bytearray(path().read_bytes())
                except OSError:
                    kept = bytearray()
                _bits = kept if len(kept) == SIZE else bytearray(SIZE)
    return _bits


def first_time(site_id: int, device: int) -> bool:
    """Whether the device was not seen on this site before; it is seen from now on."""
    before = shared.together(lambda client: _in_redis(client, "setbit", site_id, device, 1))
    known, fresh = bits(), False
    for place in places(site_id, device):
        at, bit = place >> 3, 1 << (place & 7)
        if not known[at] & bit:
            known[at] |= bit
            fresh = True
    return fresh if before is None else not before


def known(site_id: int, device: int) -> bool:
    """Whether the device was seen on this site before; it is not seen by being asked about."""
    found = shared.together(lambda client: _in_redis(client, "getbit", site_id, device))
    if found is not None:
        return found
    kept = bits()
    return all(kept[place >> 3] & (1 << (place & 7)) for place in places(site_id, device))


def _in_redis(client: Any, command: str, site_id: int, device: int, *value: int) -> bool:
    """Whether all bits were set before."""
    pipe = client.pipeline(transaction=False)
    for place in places(site_id, device):
        getattr(pipe, command)(NAME, place, *value)
    return all(pipe.execute())


def save() -> None:
    """Write the bits, whole or not at all."""
    if _bits is None:
        return
    half = path().with_suffix(".new")
    half.write_bytes(_bits)
    os.replace(half, path())


def forget() -> None:
    """Know nothing (tests)."""
    global _bits
    _bits = None
    path().unlink(missing_ok=True)
    shared.together(lambda client: client.delete(NAME))
