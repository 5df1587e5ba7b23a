"""The list of sites: visitors online, the visitors and page views of seven days with their change, and a sparkline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from babel import Locale
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from reports.dashboard.fragments import fetch_or_none
from reports.dashboard.presenters.graph import draw_sparkline
from reports.formatting import FormattedValue, format_metric
from reports.labels import detect_locale
from reports.query import Period, Query, ask_all
from reports.query.model import Row
from reports.query.periods import find_comparison_period
from sites.models import Site
from sites.selectors import group_by_zone, select_sites
from sites.views.new_site import may_add_sites

MAX_CARDS = 60  # sites with numbers on one page; the others are found by search
DAYS = 7


@dataclass(frozen=True, kw_only=True)
class SiteCard:
    """One site of the list."""

    site: Site
    online: int | None
    visitors: FormattedValue | None
    views: FormattedValue | None
    spark: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class SiteNumbers:
    """The numbers of one site; a row without a metric means that nothing was counted."""

    week: Row
    earlier: Row
    online: int
    visitors_by_day: list[float]


@require_safe
@login_required
def site_list(request: HttpRequest) -> HttpResponse:
    """Display the sites that the reader may see."""
    q = request.GET.get("q", "").strip()[:100]
    visible = select_sites(request.user)
    matches = visible.filter(domain__icontains=q) | visible.filter(nickname__icontains=q) if q else visible
    sites = list(matches[: MAX_CARDS + 1])
    now, locale = timezone.now(), detect_locale(request)
    context = {
        "cards": build_cards(sites[:MAX_CARDS], now, locale),
        "more": len(sites) > MAX_CARDS,
        "q": q,
        "section": "sites",
        "may_add": may_add_sites(request),
        "editable": set(select_sites(request.user, may="edit").values_list("pk", flat=True)),
        "accounts": len({site.account_id for site in sites}),
    }
    return render(request, "reports/sites.html", context)


def build_cards(sites: list[Site], now: datetime, locale: Locale) -> list[SiteCard]:
    """Return the sites with their numbers. Sites of one time zone, where the days are the same, are one query."""
    numbers: dict[int, SiteNumbers] = {}
    for zone, site_ids in group_by_zone(sites).items():
        numbers |= fetch_or_none(partial(load_numbers, site_ids, zone, now)) or {}
    return [build_card(site, numbers.get(site.pk), locale) for site in sites]


def load_numbers(site_ids: tuple[int, ...], zone: str, now: datetime) -> dict[int, SiteNumbers]:
    """Return the numbers of sites in one time zone. Raises QueryRefused, StoreError."""
    week = Period.parse("7d", zone, now)
    days = [str(week.first_day + timedelta(days=number)) for number in range(DAYS)]
    queries = [
        Query(sites=site_ids, period=week, metrics=("visitors", "views"), dimensions=("site",)),
        Query(
            sites=site_ids,
            period=find_comparison_period(week, "previous", now),
            metrics=("visitors", "views"),
            dimensions=("site",),
        ),
        Query(sites=site_ids, period=week, metrics=("online",), dimensions=("site",)),
        Query(sites=site_ids, period=week, metrics=("visitors",), dimensions=("site", "day"), limit=MAX_CARDS * DAYS),
    ]
    rows: list[dict[tuple[str, ...], Row]] = [
        {tuple(str(row[name]) for name in query.dimensions): row for row in result.rows}
        for query, result in zip(queries, ask_all(queries, now), strict=True)
    ]
    this_week, earlier, online, by_day = rows
    return {
        site_id: SiteNumbers(
            week=this_week.get((str(site_id),), {}),
            earlier=earlier.get((str(site_id),), {}),
            online=int(online.get((str(site_id),), {}).get("online", 0)),
            visitors_by_day=[float(by_day.get((str(site_id), day), {}).get("visitors", 0)) for day in days],
        )
        for site_id in site_ids
    }


def build_card(site: Site, numbers: SiteNumbers | None, locale: Locale) -> SiteCard:
    """Return one site of the list, whose numbers may be missing."""
    return SiteCard(
        site=site,
        online=numbers.online if numbers else None,
        visitors=format_total(numbers, "visitors", locale),
        views=format_total(numbers, "views", locale),
        spark=draw_sparkline([*numbers.visitors_by_day] if numbers else []),
    )


def format_total(numbers: SiteNumbers | None, name: str, locale: Locale) -> FormattedValue | None:
    """Format one metric of a site, with its change; None without its numbers."""
    return format_metric(name, numbers.week.get(name, 0), locale, numbers.earlier.get(name, 0)) if numbers else None
