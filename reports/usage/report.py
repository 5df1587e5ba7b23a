"""What an account has used in a month, against its plan, by site, API and day: for the page, the API and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dateutil.relativedelta import relativedelta

from accounts.account_limits import get_account_limit
from accounts.models import Account
from accounts.plans.counted_accounts import find_counted_accounts
from accounts.plans.models import Api, ApiCallDay, EventDay
from accounts.plans.monthly_use import MonthUse, build_month_use
from accounts.plans.months import DAY, find_first_day, list_days
from accounts.plans.resources import RESOURCES, count_all
from reports.usage.forecast import PACE_DAYS, Forecast, forecast_use
from sites.models import Site

LINKS_NAME = "Links and pixels"


@dataclass(frozen=True)
class DayUse:
    """What was used on a day of UTC."""

    day: date
    events: int
    calls: int


@dataclass(frozen=True, kw_only=True)
class SiteUse:
    """The events of a site, or of the links of an account (`is_links`). `is_listed`: it is a site there is now."""

    site: int
    name: str
    events: int
    percent: float
    is_links: bool = False
    is_listed: bool = True


@dataclass(frozen=True)
class ApiUse:
    """The calls of an API."""

    api: str
    label: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class NumberUse:
    """How many of something the account has now, and may have."""

    limit: str
    label: str
    used: int
    included: int

    @property
    def percent(self) -> int:
        """The percentage that is used, rounded down."""
        return 100 * self.used // self.included if self.included else 100


@dataclass(frozen=True, kw_only=True)
class UsageReport:
    """What an account has used in the month that begins with `first`. Numbers and forecasts are of now only."""

    account: Account
    first: date
    is_current: bool
    use: MonthUse
    days: Sequence[DayUse]
    sites: Sequence[SiteUse]
    apis: Sequence[ApiUse]
    numbers: Sequence[NumberUse] = ()
    event_forecast: Forecast | None = None
    call_forecast: Forecast | None = None


@dataclass(frozen=True)
class CountedDays:
    """The stored days of some accounts: events by site and day, calls by API and day, and whose each site's are."""

    events: Mapping[tuple[int, date], int]
    calls: Mapping[tuple[str, date], int]
    owners: Mapping[int, int]

    def sum_events(self, first: date, end: date) -> Counter[date]:
        """Return the events by day."""
        return sum_by(((day, number) for (_, day), number in self.events.items()), first, end)

    def sum_calls(self, first: date, end: date) -> Counter[date]:
        """Return the calls by day."""
        return sum_by(((day, number) for (_, day), number in self.calls.items()), first, end)


def sum_by(rows: Iterable[tuple[date, int]], first: date, end: date) -> Counter[date]:
    """Sum up numbers by day, from `first` until before `end`."""
    sums: Counter[date] = Counter()
    for day, number in rows:
        if first <= day < end:
            sums[day] += number
    return sums


def load_days(account_ids: Sequence[int], first: date, end: date) -> CountedDays:
    """Load the stored days of the accounts from `first` until before `end`."""
    events = EventDay.objects.filter(account__in=account_ids, day__gte=first, day__lt=end)
    calls: Counter[tuple[str, date]] = Counter()
    for row in ApiCallDay.objects.filter(account__in=account_ids, day__gte=first, day__lt=end):
        calls[row.api, row.day] += row.calls
    rows = list(events.order_by("day", "site"))
    return CountedDays(
        {(row.site, row.day): row.events for row in rows}, calls, {row.site: row.account_id for row in rows}
    )


def build_report(account: Account, first: date, now: datetime) -> UsageReport:
    """Build the report of the month that begins with `first`."""
    ids, end = find_counted_accounts([account.pk])[account.pk], first + relativedelta(months=1)
    is_current, today = first == find_first_day(now), now.astimezone(UTC).date()
    days = load_days(ids, min(first, today - PACE_DAYS * DAY) if is_current else first, end)
    events, calls = days.sum_events(first, end), days.sum_calls(first, end)
    use = build_month_use(account, events.total(), calls.total())
    return UsageReport(
        account=account,
        first=first,
        is_current=is_current,
        use=use,
        days=[DayUse(day, events[day], calls[day]) for day in list_days(first)],
        sites=list_sites(ids, days, first, end),
        apis=list_apis(days, first, end),
        numbers=list_numbers(account, ids) if is_current else (),
        **(build_forecasts(account, use, days, today) if is_current else {}),
    )


def build_forecasts(account: Account, use: MonthUse, days: CountedDays, today: date) -> dict[str, Forecast | None]:
    """Build the forecasts of events and API calls, by the name of their field."""
    since, end = account.created.astimezone(UTC).date(), today + DAY
    events, calls = days.sum_events(date.min, end), days.sum_calls(date.min, end)
    return {
        "event_forecast": forecast_use(use.events, events, today, since),
        "call_forecast": forecast_use(use.calls, calls, today, since),
    }


def list_sites(account_ids: Sequence[int], days: CountedDays, first: date, end: date) -> list[SiteUse]:
    """List the sites with their events, the most first. One that has moved to another account has no name here."""
    sums: Counter[int] = Counter()
    for (site, day), number in days.events.items():
        if first <= day < end:
            sums[site] += number
    rows = {site.pk: site for site in Site.objects.filter(pk__in=sums, account__in=account_ids)}
    return [
        build_site_use(site, number, 100 * number / sums.total() if sums.total() else 0.0, rows.get(site), account_ids)
        for site, number in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        if number
    ]


def build_site_use(number: int, events: int, percent: float, site: Site | None, account_ids: Sequence[int]) -> SiteUse:
    """Build the row of a site, of links, or of a site that is not the account's any more."""
    is_links = number in account_ids
    name = LINKS_NAME if is_links else str(site) if site is not None else f"Site {number}"
    is_listed = site is not None and site.deleted is None
    return SiteUse(site=number, name=name, events=events, percent=percent, is_links=is_links, is_listed=is_listed)


def list_apis(days: CountedDays, first: date, end: date) -> list[ApiUse]:
    """List the APIs with their calls, the most first."""
    sums: Counter[str] = Counter()
    for (api, day), number in days.calls.items():
        if first <= day < end:
            sums[api] += number
    return [ApiUse(api, Api(api).label, number) for api, number in sorted(sums.items(), key=lambda item: -item[1])]


def list_numbers(account: Account, account_ids: Sequence[int]) -> list[NumberUse]:
    """List what the account has a number of, with those of accounts that count against its plan."""
    counts = count_all(Account.objects.filter(pk__in=account_ids))
    return [
        NumberUse(
            limit=name,
            label=resource.label,
            used=sum(counted[name] for counted in counts.values()),
            included=get_account_limit(account, name),
        )
        for name, resource in RESOURCES.items()
    ]
