"""A request as the operations get it: who asks, for which account, with which parameters, read leniently as the old
server did.

Names of parameters and members are matched whatever their case; numbers, numeric strings and names of enumerations
are the same thing; unknown members are ignored.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import cast

from django.utils import timezone as clock
from rest_framework.request import Request

from accounts.models import Account
from accounts.security.rate_limits import RequestCount
from links.clickmeter.errors import build_parameter_error
from links.clickmeter.parameters import DESCENDING, SORT_DIRECTION, Parameter
from links.clickmeter.values import TRUE_WORDS, Json, parse_integer, parse_time
from links.permissions import LinkScope

MAX_LIMIT = 1000


class ApiRequest(Request):
    """DRF's request, with the parameters and members of ClickMeter."""

    count: RequestCount | None = None  # how many more requests the client may make, once it has been counted

    @cached_property
    def now(self) -> datetime:
        return clock.now()

    @cached_property
    def scope(self) -> LinkScope:
        """What the caller may see and change."""
        return cast(LinkScope, self.auth)

    @property
    def account(self) -> Account:
        return self.scope.membership.account

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the address, by their lower-case names."""
        pairs = self.query_params.items()
        return {name.lower(): value.replace("\x00", "") for name, value in pairs if isinstance(value, str)}

    @property
    def members(self) -> Json:
        """The body as an object, by the lower-case names of its members."""
        return cast(Json, self.data)

    def get_text(self, name: str, default: str = "") -> str:
        """Return a parameter of the query, trimmed."""
        return self.query.get(name.lower(), default).strip()

    def get_flag(self, name: str) -> bool:
        """Return whether a parameter of the query is true."""
        return self.get_text(name).lower() in TRUE_WORDS

    def get_number(self, name: str, default: int = 0) -> int:
        """Return an integer of the query, the default for anything else."""
        return parse_integer(self.get_text(name), default)

    def get_choice(self, parameter: Parameter) -> str:
        """Return one of the parameter's words, in lower case. Raises ApiError (400) for another one."""
        name, value = parameter.name, self.get_text(parameter.name).lower()
        if not value and not parameter.required:
            return str(parameter.default or "")
        if value not in parameter.words:
            raise build_parameter_error(name, f"{name} must be one of {', '.join(parameter.words)}.", value)
        return value

    @property
    def sign(self) -> str:
        """The sign of a descending order, "-" or ""."""
        return "-" if self.get_choice(SORT_DIRECTION) == DESCENDING else ""

    def get_page(self) -> tuple[int, int]:
        """Return (offset, limit): by default 20 rows, at most MAX_LIMIT."""
        offset, limit = self.get_number("offset"), self.get_number("limit", 20)
        return max(0, min(offset, 10_000_000)), max(1, min(limit, MAX_LIMIT)) if limit else 20

    def get_time(self, name: str) -> datetime | None:
        """Return a time written yyyyMMdd or yyyyMMddHHmmss; None without one. Raises ApiError (400)."""
        value = self.get_text(name)
        return parse_time(value, name) if value else None
