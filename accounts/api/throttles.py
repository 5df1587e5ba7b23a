"""The throttle of the APIs that speak the dialects of other products: requests a minute, by account."""

from __future__ import annotations

from django.utils import timezone as clock
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.account_limits import DEFAULT_LIMITS, load_account_limit
from accounts.security.rate_limits import RateLimit, RequestCount, count_request


class AccountThrottle(BaseThrottle):
    """An account's limit of requests a minute. A subclass names the limit, and says what is counted."""

    limit_name: str
    count: RequestCount

    def identify(self, request: Request) -> tuple[int | None, str]:
        """Return the account whose limit applies, None for the default, and what is counted: a key, an address."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        account_id, counted = self.identify(request)
        maximum = load_account_limit(account_id, self.limit_name) if account_id else DEFAULT_LIMITS[self.limit_name]
        self.count = count_request(RateLimit(self.limit_name, maximum, 60), counted, clock.now())
        return not self.count.retry_after

    def wait(self) -> int:
        return self.count.retry_after
