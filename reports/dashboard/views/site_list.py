"""The list of sites: visitors online, the visitors and page views of seven days with their change, and a sparkline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
from reports.query import Period, Query, Result, ask
from sites.models import Site
from sites.selectors import select_sites
from sites.views.new_site import list_managed_accounts

MAX_CARDS = 60  # sites with numbers on one page; the others are found by search


@dataclass(frozen=True, kw_only=True)
class SiteCard:
    """One site of the list."""

    site: Site
    online: int | None
    visitors: FormattedValue | None
    views: FormattedValue | None
    spark: dict[str, str]


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
        "cards": [build_card(site, now, locale) for site in sites[:MAX_CARDS]],
        "more": len(sites) > MAX_CARDS,
        "q": q,
        "section": "sites",
        "may_add": bool(list_managed_accounts(request)),
        "editable": set(select_sites(request.user, may="edit").values_list("pk", flat=True)),
        "accounts": len({site.account_id for site in sites}),
    }
    return render(request, "reports/sites.html", context)


def build_card(site: Site, now: datetime, locale: Locale) -> SiteCard:
    """Return the numbers of one site. Each is queried alone, because a day depends on the site's time zone."""
    period = Period.parse("7d", site.timezone, now)
    total = fetch_or_none(
        lambda: ask(Query(sites=(site.pk,), period=period, metrics=("visitors", "views"), compare="previous"), now=now)
    )
    days = fetch_or_none(
        lambda: ask(Query(sites=(site.pk,), period=period, metrics=("visitors",), dimensions=("day",)), now=now)
    )
    online = fetch_or_none(
        lambda: ask(Query(sites=(site.pk,), period=period, metrics=("online",)), now=now).rows[0]["online"]
    )
    return SiteCard(
        site=site,
        online=online,
        visitors=format_total(total, "visitors", locale),
        views=format_total(total, "views", locale),
        spark=draw_sparkline([float(row["visitors"] or 0) for row in days.rows] if days else []),
    )


def format_total(result: Result | None, name: str, locale: Locale) -> FormattedValue | None:
    """Format one metric of a result, with its change; None without a result."""
    if result is None:
        return None
    before = result.comparison if isinstance(result.comparison, dict) else {}
    return format_metric(name, result.rows[0][name], locale, before.get(name), result.meta.currency)
