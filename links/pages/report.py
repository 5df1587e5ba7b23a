"""The report of one link: numbers, graph, where from, with what, which way, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
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
from reports.pages.graph import Series, draw
from reports.pages.names import reader_locale
from sites.hosts import host_name
from sites.models import Site
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


def period_of(request: HttpRequest, zone: str) -> tuple[str, Period]:
    """The period of the address; a month for what is none."""
    text = request.GET.get("period", "30d")
    try:
        return text, Period.parse(text, zone, timezone.now())
    except QueryRefused:
        return "30d", Period.parse("30d", zone, timezone.now())


def tables(sight: Sight, period: Period, where: stats.Where, metrics: tuple[str, str]) -> list[dict[str, Any]]:
    """The first rows of every breakdown."""
    found = []
    for label, dimension in TABLES:
        rows = stats.by(sight.account, dimension, period, where, timezone.now(), metrics, ROWS)
        most = max((row[metrics[0]] for row in rows), default=0) or 1
        lines = [
            {"name": row[dimension] or "(unknown)", "hits": row[metrics[0]], "unique": row[metrics[1]],
             "share": round(100 * row[metrics[0]] / most, 1)}
            for row in rows if row[metrics[0]]
        ]  # fmt: skip
        found.append({"label": label, "rows": lines})
    return found


@require_safe
@links_page("list")
def report(request: HttpRequest, sight: Sight, datapoint_id: int) -> HttpResponse:
    """Everything about one link in a period."""
    row = datapoint_for(request, datapoint_id)
    text, period = period_of(request, sight.account.timezone)
    now, where = timezone.now(), [stats.one("link", row.pk)]
    counts = stats.totals(sight.account, period, where, now)
    pixel = row.kind == Kind.PIXEL
    metrics = ("pixel_views", "unique_pixel_views") if pixel else ("clicks", "unique_clicks")
    by = "hour" if text in ("today", "yesterday") else "month" if text in ("12m", "all") else "day"
    times = stats.by(sight.account, by, period, where, now, metrics, 4000)
    series = Series(by, metrics[0], metrics[1], times, [], unfinished=period.end > now)
    shown_tables = tables(sight, period, where, metrics)
    if sight.option("hitOptions", "hideReferrer"):
        shown_tables = [table for table in shown_tables if table["label"] != "Referrers"]
    return shown(
        request, sight, "report", row=row, address=tracking_url(row), counts=counts, pixel=pixel, tables=shown_tables,
        periods=[(name, label, name == text) for name, label in PERIODS], period=text,
        graph=draw(series, reader_locale(request), lambda key: f"?period={key[:10]}") if times else None,
        hits=counts[metrics[0]], unique=counts[metrics[1]], again=counts[metrics[0]] - counts[metrics[1]],
        sales=sales(sight, row, period), web=stats.web(sight.account, period, row.pk, now) if sight.master else None,
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
    found = Monitor.objects.filter(link_id=row.pk).first() or monitor_create(
        site=site, url=row.url, name=f"Destination of {row}"[:120], link_id=row.pk
    )
    return HttpResponseRedirect(f"/sites/{found.site_id}/uptime/{found.pk}")


def site_beside(account: Account, url: str) -> Site | None:
    """The account's site on the address's host, else its first site."""
    host = host_name(urlsplit(url).hostname or "").removeprefix("www.")
    sites = Site.objects.filter(account=account, deleted=None).order_by("pk")
    return sites.filter(domain__in=[host, f"www.{host}"]).first() or sites.first()


def sales(sight: Sight, row: Datapoint, period: Period) -> list[dict[str, Any]]:
    """The link's conversions, as far as a guest may see them."""
    hidden = partial(sight.option, "conversionOptions")
    if hidden("hideCount"):
        return []
    counts = stats.by_number(
        sight.account, "link_conversion", period, [stats.one("link", row.pk)], timezone.now(),
        ("link_conversions", "unique_link_conversions", "conversion_value", "commission_cost"),
    )  # fmt: skip
    names = dict(Conversion.objects.filter(account=sight.account).values_list("pk", "name"))
    scale = (hidden("percentValue") or 100) / 100
    return [
        {
            "name": names.get(number, str(number)), "count": found["link_conversions"],
            "unique": found["unique_link_conversions"],
            "value": "" if hidden("hideValue") else round(float(found["conversion_value"]) * scale, 2),
            "commission": "" if hidden("hideComCost") else round(float(found["commission_cost"]), 2),
        }
        for number, found in counts.items()
    ]  # fmt: skip
