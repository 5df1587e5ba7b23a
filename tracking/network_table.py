"""A table of networks by address: sorted arrays of a few megabytes, built from CSV ranges.

Ranges never overlap, so a look-up is one bisection. IPv6 is stored by its upper 64 bits, since nobody announces less
than a /64. The file is a line of JSON (names, numbers) followed by the raw arrays.
"""

from __future__ import annotations

import csv
import json
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

FILE_MARK = "footfall networks 1"


@dataclass
class Family:
    """Ranges of one address family: starts, ends (inclusive) and the index of each range's network."""

    code: str  # array type: I = IPv4, Q = upper half of IPv6
    starts: array[int] = field(init=False)
    ends: array[int] = field(init=False)
    owners: array[int] = field(init=False)

    def __post_init__(self) -> None:
        self.starts, self.ends, self.owners = array(self.code), array(self.code), array("I")

    def find_owner(self, address: int) -> int:
        """Return the index of the address's network; -1 when nobody announces it."""
        index = bisect_right(self.starts, address) - 1
        return self.owners[index] if index >= 0 and address <= self.ends[index] else -1


@dataclass
class Networks:
    """All ranges and the (number, name) of each network."""

    numbers: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    v4: Family = field(default_factory=lambda: Family("I"))
    v6: Family = field(default_factory=lambda: Family("Q"))

    def find(self, address: str) -> tuple[int, str]:
        """Return (AS number, name) of an address; (0, "") when unknown."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return 0, ""
        owner = self.v4.find_owner(int(parsed)) if parsed.version == 4 else self.v6.find_owner(int(parsed) >> 64)
        return (self.numbers[owner], self.names[owner]) if owner >= 0 else (0, "")

    def save(self, path: Path) -> None:
        """Write the table atomically."""
        families = (self.v4, self.v6)
        head = {
            "mark": FILE_MARK, "order": sys.byteorder, "numbers": self.numbers, "names": self.names,
            "sizes": [len(family.starts) for family in families],
        }  # fmt: skip
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(json.dumps(head).encode() + b"\n")
            for family in families:
                for part in (family.starts, family.ends, family.owners):
                    part.tofile(file)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Networks:
        """Read a table. Raises ValueError for any other file."""
        with path.open("rb") as file:
            try:
                head = json.loads(file.readline())
            except ValueError as error:
                raise ValueError("not a table of networks") from error
            if not isinstance(head, dict) or head.get("mark") != FILE_MARK or head["order"] != sys.byteorder:
                raise ValueError("not a table of networks of this machine")
            parsed = cls(head["numbers"], head["names"])
            for family, size in zip((parsed.v4, parsed.v6), head["sizes"], strict=True):
                for part in (family.starts, family.ends, family.owners):
                    part.fromfile(file, size)
        return parsed


def build_from_csv(v4: Iterable[str], v6: Iterable[str]) -> Networks:
    """Build a table from lines `start,end,number,name`, sorted by start, with addresses as integers."""
    parsed, index = Networks(), {}  # type: ignore[var-annotated]
    for family, lines, shift in ((parsed.v4, v4, 0), (parsed.v6, v6, 64)):
        for start, end, number, name in csv.reader(lines):
            owner = index.setdefault((number, name), len(index))
            if owner == len(parsed.numbers):
                parsed.numbers.append(int(number))
                parsed.names.append(name)
            family.starts.append(int(start) >> shift)
            family.ends.append(int(end) >> shift)
            family.owners.append(owner)
    return parsed
