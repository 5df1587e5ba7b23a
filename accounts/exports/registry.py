"""The registry of what can be exported. Higher apps register their kinds (`config.wiring`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.core.exceptions import ValidationError

from accounts.models import Area, Membership

Row: TypeAlias = Sequence[object]


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What somebody wants exported, with the rights of a membership.

    `site` is the id of a site, for kinds that are of one; `table` the dimension of a report; `query` the part of a
    page's address after the question mark, which has its filters.
    """

    membership: Membership
    now: datetime
    site: int | None = None
    table: str = ""
    query: str = ""


@dataclass(frozen=True, kw_only=True)
class ExportKind:
    """A kind of table. `area` is what personal tokens need a scope for, `uses` are the parameters that it reads.

    `check(request)` raises ValidationError, by parameter, for what cannot be exported or is not the caller's;
    `read(request)` yields the rows, that of the headings first, and may raise it as well: rights may have ended.
    """

    name: str
    label: str
    area: Area
    check: Callable[[ExportRequest], None]
    read: Callable[[ExportRequest], Iterable[Row]]
    uses: frozenset[str] = frozenset()
    max_rows: int = 1_000_000

    def check_parameters(self, request: ExportRequest) -> None:
        """Raise ValidationError for parameters that the kind does not have, or for what it refuses."""
        given = {"site": request.site, "table": request.table, "query": request.query}
        unused = {name for name, value in given.items() if value and name not in self.uses}
        if unused:
            raise ValidationError(dict.fromkeys(sorted(unused), f"“{self.name}” has no such parameter."))
        self.check(request)


EXPORT_KINDS: dict[str, ExportKind] = {}


def register_export_kinds(*kinds: ExportKind) -> None:
    """Register kinds of exports."""
    EXPORT_KINDS.update({kind.name: kind for kind in kinds})


_outages: list[type[Exception]] = []


def register_export_outages(*kinds: type[Exception]) -> None:
    """Register errors of higher apps after which an export is tried again later."""
    _outages.extend(kinds)


def is_outage(error: Exception) -> bool:
    """Whether the error passes by itself."""
    return isinstance(error, tuple(_outages))
