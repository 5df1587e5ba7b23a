"""The export of usage: events by site and API calls by API, of every day that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.core.exceptions import ValidationError

from accounts.exports.registry import ExportKind, ExportRequest, Row
from accounts.models import Area
from accounts.permissions import membership_may
from accounts.plans.counted_accounts import find_counted_accounts
from reports.usage.report import CountedDays, list_sites, load_days

COLUMNS = ("day", "what", "site_id", "name", "number")


def check_usage(request: ExportRequest) -> None:
    """Raise ValidationError unless the caller manages the account."""
    if not membership_may(request.membership, "manage"):
        raise ValidationError({"kind": "Only those who manage the account can export this."})


def read_usage(request: ExportRequest) -> Iterator[Row]:
    """Yield a row for each day and site, or day and API, with their headings."""
    account_id = request.membership.account_id
    ids = find_counted_accounts([account_id])[account_id]
    days = load_days(ids, date.min, date.max)
    yield COLUMNS
    yield from list_event_rows(ids, days)
    for (api, day), number in sorted(days.calls.items(), key=lambda item: (item[0][1], item[0][0])):
        yield day.isoformat(), "api_calls", "", api, number


def list_event_rows(ids: list[int], days: CountedDays) -> Iterator[Row]:
    """Yield the rows of events, by day and site."""
    names = {row.site: row for row in list_sites(ids, days, date.min, date.max)}
    for (site, day), number in days.events.items():
        if row := names.get(site):
            yield day.isoformat(), "events", "" if row.is_links else site, row.name, number


USAGE_EXPORT = ExportKind(name="usage", label="Usage", area=Area.ACCOUNT, check=check_usage, read=read_usage)
