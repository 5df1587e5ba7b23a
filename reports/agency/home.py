"""The rows of an agency's home: one for each site of the agency and of its clients, filtered, sorted, and formatted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from django.db.models import Q, QuerySet
from django.http import QueryDict

from accounts.clients.models import ClientAccount
from accounts.models import Account
from reports.agency.figures import FigureTable, SiteFigures
from reports.formatting import NO_VALUE, FormattedValue, ValueChange, format_metric
from reports.query.model import MAX_SITES
from sites.models import Site

PERIODS = {"today": "Today", "7d": "7 days", "30d": "30 days"}
DEFAULT_PERIOD, DEFAULT_SORT = "7d", "-visitors"
PAGE_ROWS = 100
MAX_SEARCH = 100
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class HomeQuery:
    """What the address of the page chooses: period, order ("-" in front: largest first), search, label and page."""

    period: str = DEFAULT_PERIOD
    sort: str = DEFAULT_SORT
    search: str = ""
    label: str = ""
    page: int = 1

    def build_query(self, **changes: str) -> str:
        """Build the query of the address with changes; defaults are left out, and the page begins anew."""
        values = {"period": self.period, "sort": self.sort, "q": self.search, "label": self.label, **changes}
        defaults = {"period": DEFAULT_PERIOD, "sort": DEFAULT_SORT, "page": "1"}
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in values.items() if value and value != defaults.get(name)})
        return query.urlencode()


@dataclass(frozen=True, kw_only=True)
class HomeRow:
    """A site with the client whose it is (None: the agency's own) and its figures."""

    site: Site
    client: ClientAccount | None
    figures: SiteFigures

    @property
    def owner(self) -> str:
        """The name of the account that the site belongs to."""
        return str(self.client or self.site.account)


SortKey = Callable[[HomeRow], "str | float | datetime"]
SORT_KEYS: dict[str, SortKey] = {
    "site": lambda row: str(row.site).lower(),
    "client": lambda row: row.owner.lower(),
    "visitors": lambda row: row.figures.visitors,
    "change": lambda row: -101 if row.figures.change is None else row.figures.change,
    "conversions": lambda row: row.figures.conversions,
    "revenue": lambda row: float(row.figures.revenue.amount),
    "uptime": lambda row: 101 if row.figures.uptime is None else row.figures.uptime,
    "alerts": lambda row: row.figures.alerts + row.figures.down,
    "last": lambda row: row.figures.last_event or NEVER,
}


@dataclass(frozen=True)
class HomeColumn:
    """A heading of the table, which sorts by the column: first the largest, of words the first in the alphabet."""

    name: str
    label: str
    help: str = ""

    @property
    def is_number(self) -> bool:
        return self.name not in ("site", "client")


COLUMNS = (
    HomeColumn("site", "Site"),
    HomeColumn("client", "Client"),
    HomeColumn("visitors", "Visitors"),
    HomeColumn("change", "Change", "Of the visitors, against the days before"),
    HomeColumn("conversions", "Conversions"),
    HomeColumn("revenue", "Revenue", "In the currency in which most was earned; + stands for amounts in others"),
    HomeColumn("uptime", "Uptime", "Of the watched time, over all monitors of the site"),
    HomeColumn("alerts", "Alerts", "Alerts of the last 24 hours"),
    HomeColumn("last", "Last event"),
)


@dataclass(frozen=True, kw_only=True)
class HomeLine:
    """A row of the table as the page displays it."""

    site: Site
    client: ClientAccount | None
    visitors: FormattedValue
    change: ValueChange | None
    conversions: FormattedValue
    revenue: FormattedValue
    more_currencies: bool
    uptime: str
    down: bool
    alerts: int
    last_event: str
    last_event_title: str


def parse_home_query(params: QueryDict) -> HomeQuery:
    """Read the address. Values that do not exist are replaced by the defaults."""
    period, sort, page = params.get("period", ""), params.get("sort", ""), params.get("page", "")
    return HomeQuery(
        period=period if period in PERIODS else DEFAULT_PERIOD,
        sort=sort if sort.removeprefix("-") in SORT_KEYS else DEFAULT_SORT,
        search=" ".join(params.get("q", "").split())[:MAX_SEARCH],
        label=params.get("label", "").strip()[:MAX_SEARCH],
        page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 else 1,
    )


def select_agency_sites(agency: Account, clients: Iterable[ClientAccount]) -> QuerySet[Site]:
    """Select the sites of an agency and of these clients: a list, or what `list_clients` selects."""
    mine = Q(account=agency) | Q(account__client__in=clients)
    return Site.objects.filter(mine, deleted=None).select_related("account").order_by("domain", "pk")


def find_rows(
    agency: Account, query: HomeQuery, clients: Sequence[ClientAccount]
) -> list[tuple[Site, ClientAccount | None]]:
    """Find the sites that the search and the label select, each with its client: at most MAX_SITES, which is what one
    query reads, and one more, so that the caller knows of others."""
    by_account = {client.account_id: client for client in clients}
    accounts = {agency.pk: agency, **{client.account_id: client.account for client in clients}}
    sites = select_agency_sites(agency, clients).select_related(None).only("account", "domain", "nickname", "labels")
    if query.search:
        sites = sites.filter(
            Q(domain__icontains=query.search)
            | Q(nickname__icontains=query.search)
            | Q(account__name__icontains=query.search)
        )
    rows = ((site, by_account.get(site.account_id)) for site in (sites if query.label else sites[: MAX_SITES + 1]))
    if query.label:
        rows = ((site, client) for site, client in rows if query.label in list_row_labels(site, client))
    found = list(islice(rows, MAX_SITES + 1))
    for site, _ in found:
        site.account = accounts.get(site.account_id) or site.account
    return found


def list_row_labels(site: Site, client: ClientAccount | None) -> list[str]:
    """List the labels of a row: those of the client and those of the site."""
    return [*(client.labels if client else ()), *site.labels]


def sort_rows(found: Sequence[tuple[Site, ClientAccount | None]], table: FigureTable, sort: str) -> list[HomeRow]:
    """Return the rows in the order of a column; equal ones stay in the order of their domains."""
    rows = [
        HomeRow(site=site, client=client, figures=table.figures.get(site.pk, SiteFigures())) for site, client in found
    ]
    return sorted(rows, key=SORT_KEYS[sort.removeprefix("-")], reverse=sort.startswith("-"))


def build_line(row: HomeRow, locale: Locale, now: datetime, has_traffic: bool) -> HomeLine:
    """Format a row. Without an answer of the event store its figures are dashes."""
    figures, revenue = row.figures, row.figures.revenue
    dash = FormattedValue(NO_VALUE, NO_VALUE)
    visitors = format_metric("visitors", figures.visitors, locale, figures.visitors_before)
    last = figures.last_event
    return HomeLine(
        site=row.site,
        client=row.client,
        visitors=visitors if has_traffic else dash,
        change=visitors.change if has_traffic else None,
        conversions=format_metric("conversions", figures.conversions, locale) if has_traffic else dash,
        revenue=format_metric("revenue", revenue.amount, locale, None, revenue.currency) if has_traffic else dash,
        more_currencies=revenue.others,
        uptime=format_uptime(figures.uptime, locale),
        down=figures.down,
        alerts=figures.alerts,
        last_event=format_timedelta(last - now, add_direction=True, locale=locale) if last else NO_VALUE,
        last_event_title=f"{format_datetime(last, 'medium', locale=locale)} UTC" if last else "",
    )


def format_uptime(percent: float | None, locale: Locale) -> str:
    """Format a percentage of uptime. It is rounded down, since an outage must not read as 100%."""
    if percent is None:
        return NO_VALUE
    return str(format_decimal(int(percent * 100) / 100, format="0.##", locale=locale)) + "%"


def list_labels(agency: Account, clients: Sequence[ClientAccount]) -> list[str]:
    """List the labels that the clients and all of their sites have, in the order of the alphabet."""
    of_sites = select_agency_sites(agency, clients).exclude(labels=[]).order_by().values_list("labels", flat=True)
    return sorted(
        {label for row in (*of_sites, *(client.labels for client in clients)) for label in row}, key=str.lower
    )
