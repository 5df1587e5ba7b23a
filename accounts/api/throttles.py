"""The throttle of the APIs that speak the dialects of other products: requests a minute, by account; and the calls of
the month, which all APIs count."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils import timezone as clock
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.account_limits import DEFAULT_LIMITS, ApiLimits, choose_limit, load_api_limits
from accounts.plans.api_calls import counter
from accounts.plans.months import find_current_month
from accounts.security.rate_limits import RateLimit, RequestCount, count_request


class ApiCallsUsedUp(exceptions.APIException):
    """The account has used its API calls of the month, and its plan refuses further ones."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self, now: datetime) -> None:
        end = find_current_month(now)[1]
        super().__init__(f"The API calls of this month are used up. They begin anew on {end:%-d %B}, 00:00 UTC.")
        self.wait = math.ceil((end - now).total_seconds())  # becomes Retry-After


def admit_call(account_id: int, api: str, *, over_api_calls: bool) -> None:
    """Count a call of an API, unless the account's are used up. Raises ApiCallsUsedUp."""
    now = clock.now()
    if over_api_calls:
        raise ApiCallsUsedUp(now)
    counter.add(account_id, api, now)


class AccountThrottle(BaseThrottle):
    """An account's limits of requests a minute and calls a month. A subclass names the limit, and says what is
    counted."""

    limit_name: str
    api: str
    count: RequestCount

    def identify(self, request: Request) -> tuple[int | None, str]:
        """Return the account whose limit applies, None for the default, and what is counted: a key, an address."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        account_id, counted = self.identify(request)
        limits = load_api_limits(account_id) if account_id else ApiLimits(DEFAULT_LIMITS, over_api_calls=False)
        maximum = choose_limit(limits.chosen, self.limit_name)
        self.count = count_request(RateLimit(self.limit_name, maximum, 60), counted, clock.now())
        if account_id and not self.count.retry_after:
            admit_call(account_id, self.api, over_api_calls=limits.over_api_calls)
        return not self.count.retry_after

    def wait(self) -> int:
        return self.count.retry_after
