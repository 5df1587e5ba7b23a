"""The report of one link: numbers, graph, where from, with what, which way, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import format_decimal
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Account
from links import stats
from links.addresses import tracking_url
from links.grants import Sight, datapoint_for
from links.models import Conversion, Datapoint, Kind
from links.pages.frame import links_page, shown
from reports.engine import Period, QueryRefused
from reports.engine.registry import DIMENSIONS
from reports.pages.graph import Series, draw
from reports.pages.names import reader_locale, value_name
from reports.pages.numbers import money
from sites.hosts import host_name
from sites.models import Site
from sites.outbound import OutboundError, check_reachable
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_create

PERIODS = (
    ("today", "Today"), ("yesterday", "Yesterday"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"),
    ("12m", "12 months"), ("all", "All"),
)  # fmt: skip
TABLES = (
    ("Countries", "country"), ("Cities", "city"), ("Referrers", "referrer_domain"), ("Browsers", "browser"),
    ("Systems", "os"), ("Devices", "device"), ("Languages", "language"), ("Networks", "organization"),
    ("Destinations", "destination"), ("Parameters", "text"),
)  # fmt: skip
ROWS = 10
UNKNOWN = "(unknown)"


def period_of(request: HttpRequest, zone: str) -> tuple[str, Period]:
    """The period of the address; a month for what is none."""
    text = request.GET.get("period", "30d")
    try:
        return text, Period.parse(text, zone, timezone.now())
    except QueryRefused:
        return "30d", Period.parse("30d", zone, timezone.now())


def tables(
    sight: Sight, period: Period, where: stats.Where, metrics: tuple[str, str], locale: Locale
) -> list[dict[str, Any]]:
    """The first rows of every breakdown; none of one about which nothing is known."""
    found = []
    for label, dimension in TABLES:
        rows = stats.by(sight.account, dimension, period, where, timezone.now(), metrics, ROWS)
        most = max((row[metrics[0]] for row in rows), default=0) or 1
        lines = [
            {"name": value_name(DIMENSIONS[dimension], row[dimension]) if row[dimension] else UNKNOWN,
             "hits": format_decimal(row[metrics[0]], locale=locale),
             "unique": format_decimal(row[metrics[1]], locale=locale),
             "share": round(100 * row[metrics[0]] / most, 1)}
            for row in rows if row[metrics[0]]
        ]  # fmt: skip
        if any(line["name"] != UNKNOWN for line in lines):
            found.append({"label": label, "rows": lines})
    return found


def figures(counts: stats.Row, metrics: tuple[str, str], locale: Locale) -> list[tuple[str, str]]:
    """The counts in words: (label, number)."""
    hits, unique = counts[metrics[0]], counts[metrics[1]]
    rows = [
        ("Clicks" if metrics[0] == "clicks" else "Views", hits), ("Unique", unique), ("Again", hits - unique),
        ("Robots and previews", counts["spider_hits"]),
    ]  # fmt: skip
    return [(label, format_decimal(number, locale=locale)) for label, number in rows]


def web_figures(sight: Sight, row: Datapoint, period: Period, locale: Locale) -> list[tuple[str, str]]:
    """What its visits did on the account's sites: (label, number); nothing without a site or for guests."""
    found = stats.web(sight.account, period, row.pk, timezone.now()) if sight.master else None
    if found is None:
        return []
    labels = {"visits": "Visits", "visitors": "Visitors", "views": "Views", "conversions": "Goals reached"}
    rows = [(label, str(format_decimal(found[name], locale=locale))) for name, label in labels.items()]
    return [*rows, ("Revenue", money(found["revenue"] or 0, locale, found["currency"]))]


@require_safe
@links_page("list")
def report(request: HttpRequest, sight: Sight, datapoint_id: int) -> HttpResponse:
    """Everything about one link in a period."""
    row = datapoint_for(request, datapoint_id)
    text, period = period_of(request, sight.account.timezone)
    period = stats.seen_period(sight, period)
    now, where = timezone.now(), [stats.one("link", row.pk)]
    counts = stats.totals(sight.account, period, where, now)
    pixel = row.kind == Kind.PIXEL
    metrics = ("pixel_views", "unique_pixel_views") if pixel else ("clicks", "unique_clicks")
    by = "hour" if text in ("today", "yesterday") else "month" if text in ("12m", "all") else "day"
    times = stats.by(sight.account, by, period, where, now, metrics, 4000)
    series = Series(by, metrics[0], metrics[1], times, [], unfinished=period.end > now)
    locale = reader_locale(request)
    shown_tables = tables(sight, period, where, metrics, locale)
    if sight.option("hitOptions", "hideReferrer"):
        shown_tables = [table for table in shown_tables if table["label"] != "Referrers"]
    return shown(
        request, sight, "report", row=row, address=tracking_url(row), counts=counts, pixel=pixel, tables=shown_tables,
        periods=[(name, label, name == text) for name, label in PERIODS], period=text,
        graph=draw(series, locale, lambda key: f"?period={key[:10]}") if times else None,
        hits=counts[metrics[0]],
        figures=figures(counts, metrics, locale), sales=sales(sight, row, period, locale),
        converted=format_decimal(counts["converted_clicks"], locale=locale),
        web=web_figures(sight, row, period, locale),
        joined=stats.joined(sight.account, period, now, row.pk) if sight.master else (0, 0), may=sight.may_write(row),
        dead=row.watched_destinations.exclude(dead_since=None).order_by("dead_since"),
        monitor=Monitor.objects.filter(link_id=row.pk).first() if sight.master else None,
    )  # fmt: skip


@require_POST
@links_page("list", may="manage")
def watch(request: HttpRequest, sight: Sight, datapoint_id: int) -> HttpResponse:
    """Watch the link's destination every minute, beside the site it lies on or the account's first."""
    row = datapoint_for(request, datapoint_id, may="edit")
    site = site_beside(sight.account, row.url)
    if site is None or not row.url:
        messages.error(request, "A monitor belongs to a site. Add a site first.")
        return HttpResponseRedirect(f"/links/{row.pk}")
    found = Monitor.objects.filter(link_id=row.pk).first()
    try:
        if found is None:
            check_reachable(row.url)
            found = monitor_create(site=site, url=row.url, name=f"Destination of {row}"[:120], link_id=row.pk)
    except (OutboundError, ValidationError) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
        return HttpResponseRedirect(f"/links/{row.pk}")
    return HttpResponseRedirect(f"/sites/{found.site_id}/uptime/{found.pk}")


def site_beside(account: Account, url: str) -> Site | None:
    """The account's site on the address's host, else its first site."""
    host = host_name(urlsplit(url).hostname or "").removeprefix("www.")
    sites = Site.objects.filter(account=account, deleted=None).order_by("pk")
    return sites.filter(domain__in=[host, f"www.{host}"]).first() or sites.first()


def sales(sight: Sight, row: Datapoint, period: Period, locale: Locale) -> list[dict[str, Any]]:
    """The link's conversions, as far as a guest may see them."""
    hidden = partial(sight.option, "conversionOptions")
    if not sight.sees_conversions:
        return []
    counts = stats.by_number(
        sight.account, "link_conversion", period, [stats.one("link", row.pk)], timezone.now(),
        ("link_conversions", "unique_link_conversions", "conversion_value", "commission_cost"),
    )  # fmt: skip
    known = Conversion.objects.filter(account=sight.account).in_bulk(list(counts))
    scale, part = (hidden("percentValue") or 100) / 100, (hidden("percentCommission") or 100) / 100
    return [
        {
            "name": str(known.get(number, number)), "count": found["link_conversions"],
            "unique": found["unique_link_conversions"],
            "value": "" if hidden("hideValue") else paid(float(found["conversion_value"]) * scale),
            "commission": "" if hidden("hideComCost") else paid(float(found["commission_cost"]) * part),
        }
        for number, found in counts.items()
        for paid in [partial(money, locale=locale, currency=getattr(known.get(number), "currency", ""))]
    ]  # fmt: skip
