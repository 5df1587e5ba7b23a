"""The list of sites: who is there now, the last seven days as a line, and how they compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel import Locale
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from reports.engine import Period, Query, ask
from reports.pages.graph import spark
from reports.pages.names import reader_locale
from reports.pages.numbers import Shown, shown
from reports.pages.parts import attempt
from sites.access import sites_of
from sites.models import Site
from sites.views.home import own_accounts

MOST = 60  # sites with numbers on one page; the others are reached by search


@dataclass(frozen=True)
class Card:
    site: Site
    online: int | None
    visitors: Shown | None
    views: Shown | None
    spark: dict[str, str]


@require_safe
@login_required
def site_list(request: HttpRequest) -> HttpResponse:
    """All sites one may see."""
    q = request.GET.get("q", "").strip()[:100]
    mine = sites_of(request.user)
    found = list((mine.filter(domain__icontains=q) | mine.filter(nickname__icontains=q) if q else mine)[: MOST + 1])
    now, locale = timezone.now(), reader_locale(request)
    cards = [card(site, now, locale) for site in found[:MOST]]
    context = {
        "cards": cards,
        "more": len(found) > MOST,
        "q": q,
        "section": "sites",
        "may_add": bool(own_accounts(request)),
        "editable": set(sites_of(request.user, may="edit").values_list("pk", flat=True)),
        "accounts": len({site.account_id for site in found}),
    }
    return render(request, "reports/sites.html", context)


def card(site: Site, now: datetime, locale: Locale) -> Card:
    """One site's line: asked for itself, since every site has its own days."""
    period = Period.parse("7d", site.timezone, now)
    total = attempt(lambda: ask(Query((site.pk,), period, ("visitors", "views"), compare="previous"), now=now))
    days = attempt(lambda: ask(Query((site.pk,), period, ("visitors",), ("day",)), now=now))
    online = attempt(lambda: ask(Query((site.pk,), period, ("online",)), now=now).rows[0]["online"])
    return Card(
        site, online, told(total, "visitors", locale), told(total, "views", locale),
        spark([float(row["visitors"] or 0) for row in days.rows] if days else []),
    )  # fmt: skip


def told(result: Any, name: str, locale: Locale) -> Shown | None:
    if result is None:
        return None
    before = result.comparison or {}
    return shown(name, result.rows[0][name], locale, before.get(name), result.meta.currency)
