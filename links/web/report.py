"""The report of one link: counts, graph, sources, devices, destinations and conversions."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import format_decimal
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.host_names import normalize_host
from accounts.models import Account
from links import link_statistics
from links.models import Conversion, DatapointKind
from links.permissions import LinkScope
from links.public_urls import build_tracking_url
from links.web.page_layout import links_page, render_page
from reports.dashboard.presenters.graph import GraphSeries, draw_graph
from reports.formatting import format_money
from reports.labels import detect_locale, label_value
from reports.query import Period, QueryRefused
from reports.query.dimensions import DIMENSIONS
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
DIMENSIONS_OF_TABLES = tuple(dimension for _, dimension in TABLES)
MAX_ROWS = 10
UNKNOWN = "(unknown)"


def parse_period(request: HttpRequest, zone: str) -> tuple[str, Period]:
    """Parse the URL's period, by default the last 30 days."""
    text = request.GET.get("period", "30d")
    try:
        return text, Period.parse(text, zone, timezone.now())
    except QueryRefused:
        return "30d", Period.parse("30d", zone, timezone.now())


def build_tables(
    rows_by_table: list[list[link_statistics.Row]], metrics: tuple[str, str], locale: Locale
) -> list[dict[str, object]]:
    """Build the tables of the top values by dimension; those with unknown values only are left out."""
    tables: list[dict[str, object]] = []
    for (label, dimension), rows in zip(TABLES, rows_by_table, strict=True):
        if not rows:
            continue
        most = max((row[metrics[0]] for row in rows), default=0) or 1
        lines = [
            {"name": label_value(DIMENSIONS[dimension], row[dimension]) if row[dimension] else UNKNOWN,
             "hits": format_decimal(row[metrics[0]], locale=locale),
             "unique": format_decimal(row[metrics[1]], locale=locale),
             "share": round(100 * row[metrics[0]] / most, 1)}
            for row in rows if row[metrics[0]]
        ]  # fmt: skip
        if any(line["name"] != UNKNOWN for line in lines):
            tables.append({"label": label, "rows": lines})
    return tables


def build_figures(counts: link_statistics.Row, metrics: tuple[str, str], locale: Locale) -> list[tuple[str, str]]:
    """Build the key figures: (label, number)."""
    hits, unique = counts[metrics[0]], counts[metrics[1]]
    rows = [
        ("Clicks" if metrics[0] == "clicks" else "Views", hits), ("Unique", unique), ("Again", hits - unique),
        ("Robots and previews", counts["spider_hits"]),
    ]  # fmt: skip
    return [(label, format_decimal(number, locale=locale)) for label, number in rows]


def build_web_figures(totals: link_statistics.Row, locale: Locale) -> list[tuple[str, str]]:
    """Build the figures of its visits on the account's sites: (label, number)."""
    labels = {"visits": "Visits", "visitors": "Visitors", "views": "Views", "conversions": "Goals reached"}
    rows = [(label, str(format_decimal(totals[name], locale=locale))) for name, label in labels.items()]
    return [*rows, ("Revenue", format_money(totals["revenue"] or 0, locale, totals["currency"]))]


@require_safe
@links_page("list")
def show_report(request: HttpRequest, scope: LinkScope, datapoint_id: int) -> HttpResponse:
    """Render the report of one link in a period."""
    row = get_object_or_404(scope.datapoints(), pk=datapoint_id)
    text, period = parse_period(request, scope.account.timezone)
    period = link_statistics.limit_period(scope, period)
    now = timezone.now()
    pixel = row.kind == DatapointKind.PIXEL
    metrics = ("pixel_views", "unique_pixel_views") if pixel else ("clicks", "unique_clicks")
    by = "hour" if text in ("today", "yesterday") else "month" if text in ("12m", "all") else "day"
    report = link_statistics.query_report(
        scope.account, period, row.pk, now, by=by, dimensions=DIMENSIONS_OF_TABLES, metrics=metrics, limit=MAX_ROWS,
        with_conversions=scope.sees_conversions, with_web=scope.can_manage,
    )  # fmt: skip
    counts, web = report.totals, report.web
    series = GraphSeries(
        by=by, metric=metrics[0], second=metrics[1], rows=report.times, before=[], unfinished=period.end > now
    )
    locale = detect_locale(request)
    tables = build_tables(report.tables, metrics, locale)
    if scope.get_option("hitOptions", "hideReferrer"):
        tables = [table for table in tables if table["label"] != "Referrers"]
    return render_page(
        request, scope, "report", row=row, address=build_tracking_url(row), counts=counts, pixel=pixel, tables=tables,
        periods=[(name, label, name == text) for name, label in PERIODS], period=text,
        graph=draw_graph(series, locale, "?period={:.10}".format) if report.times else None,
        hits=counts[metrics[0]],
        figures=build_figures(counts, metrics, locale), conversions=build_sales(scope, report.conversions, locale),
        converted=format_decimal(counts["converted_clicks"], locale=locale),
        web=web, web_figures=build_web_figures(web.totals, locale) if web else [],
        may_edit=scope.may_edit(row),
        dead_destinations=row.watched_destinations.exclude(dead_since=None).order_by("dead_since"),
        monitor=Monitor.objects.filter(link_id=row.pk).first() if scope.can_manage else None,
    )  # fmt: skip


@require_POST
@links_page("list", may="manage")
def watch_destination(request: HttpRequest, scope: LinkScope, datapoint_id: int) -> HttpResponse:
    """Create a monitor of the link's destination, at the site on its host or the account's first."""
    row = get_object_or_404(scope.datapoints("edit"), pk=datapoint_id)
    site = find_site_for_url(scope.account, row.url)
    if site is None or not row.url:
        messages.error(request, "A monitor belongs to a site. Add a site first.")
        return redirect("links:report", row.pk)
    monitor = Monitor.objects.filter(link_id=row.pk).first()
    try:
        if monitor is None:
            check_reachable(row.url)
            monitor = monitor_create(site=site, url=row.url, name=f"Destination of {row}"[:120], link_id=row.pk)
    except (OutboundError, ValidationError) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
        return redirect("links:report", row.pk)
    return redirect("uptime:monitor", monitor.site_id, monitor.pk)


def find_site_for_url(account: Account, url: str) -> Site | None:
    """Find the account's site on the host of a URL, else its first site."""
    host = normalize_host(urlsplit(url).hostname or "").removeprefix("www.")
    sites = Site.objects.filter(account=account, deleted=None).order_by("pk")
    return sites.filter(domain__in=[host, f"www.{host}"]).first() or sites.first()


def build_sales(scope: LinkScope, rows: list[link_statistics.Row], locale: Locale) -> list[dict[str, object]]:
    """Build the rows of the link's conversions, without what is hidden from a guest."""
    hidden = partial(scope.get_option, "conversionOptions")
    counts = {int(row["link_conversion"]): row for row in rows}
    conversions = Conversion.objects.filter(account=scope.account).in_bulk(list(counts))
    scale, part = scope.get_factor("percentValue"), scope.get_factor("percentCommission")
    return [
        {
            "name": str(conversions.get(number, number)), "count": counts_of_conversion["link_conversions"],
            "unique": counts_of_conversion["unique_link_conversions"],
            "value": "" if hidden("hideValue") else paid(float(counts_of_conversion["conversion_value"]) * scale),
            "commission": "" if hidden("hideComCost") else paid(float(counts_of_conversion["commission_cost"]) * part),
        }
        for number, counts_of_conversion in counts.items()
        for paid in [partial(format_money, locale=locale, currency=getattr(conversions.get(number), "currency", ""))]
    ]  # fmt: skip
