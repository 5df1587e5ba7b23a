"""The list of links: search, groups, tags, many at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from babel.numbers import format_decimal
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from links import services, stats
from links.addresses import tracking_url
from links.grants import Sight
from links.lookups import find_row, find_tags
from links.models import Datapoint, Kind, Status
from links.pages.frame import links_page, parse_number, shown
from reports.engine import Period
from reports.pages.names import reader_locale

PER_PAGE = 50
MAX_SEARCH = 500  # characters
STATUS_WORDS = {"active": Status.ACTIVE, "paused": Status.PAUSED, "blocked": Status.BLOCKED, "deleted": Status.DELETED}


def chosen(request: HttpRequest, sight: Sight) -> QuerySet[Datapoint]:
    """The links the address asks for."""
    rows = sight.datapoints()
    given = request.GET
    status = STATUS_WORDS.get(given.get("status", ""))
    rows = rows.exclude(status=Status.DELETED) if status is None else rows.filter(status=status)
    if given.get("kind") in ("link", "pixel"):
        rows = rows.filter(kind=Kind.PIXEL if given["kind"] == "pixel" else Kind.LINK)
    if text := given.get("q", "").strip()[:MAX_SEARCH]:
        rows = rows.filter(
            Q(alias__icontains=text) | Q(title__icontains=text) | Q(url__icontains=text) | Q(notes__icontains=text)
        )
    if group := parse_number(given.get("group")):
        rows = rows.filter(group_id=group)
    if tag := given.get("tag", "").strip()[:MAX_SEARCH]:
        rows = rows.filter(tags__name__iexact=tag)
    if given.get("favourite"):
        rows = rows.filter(favourite=True)
    return rows.order_by("-created", "-pk").distinct()


def numbers(sight: Sight, rows: list[Datapoint], metrics: tuple[str, ...]) -> dict[int, stats.Row]:
    """The last 30 days' counts of these links."""
    if not rows:
        return {}
    now = timezone.now()
    period = stats.seen_period(sight, Period.parse("30d", sight.account.timezone, now))
    return stats.by_number(sight.account, "link", period, [stats.one("link", *(row.pk for row in rows))], now, metrics)


@require_safe
@links_page("list")
def listing(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Everything one sees, newest first, with the last 30 days' clicks."""
    page = Paginator(chosen(request, sight).prefetch_related("tags"), PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    metrics = ("clicks", "unique_clicks", "pixel_views", "unique_pixel_views", "link_conversions")
    counts, whole = numbers(sight, rows, metrics), partial(format_decimal, locale=reader_locale(request))
    lines = [
        {
            "row": row, "address": tracking_url(row), "may": sight.may_write(row),
            "hits": whole(found.get("clicks", 0) + found.get("pixel_views", 0)),
            "unique": whole(found.get("unique_clicks", 0) + found.get("unique_pixel_views", 0)),
            "sales": whole(found.get("link_conversions", 0)) if sight.sees_conversions else "",
        }
        for row in rows
        for found in [counts.get(row.pk, {})]
    ]  # fmt: skip
    kept = request.GET.copy()
    kept.pop("page", None)
    return shown(
        request, sight, "list", lines=lines, page=page, kept=kept.urlencode(), query=request.GET,
        groups=sight.all_groups().filter(deleted=None).order_by("name"),
        tags=sight.tags().order_by("name")[:200], statuses=STATUS_WORDS,
    )  # fmt: skip


@require_POST
@links_page("list", may="edit")
def bulk(request: HttpRequest, sight: Sight) -> HttpResponse:
    """One change for many links: all or nothing."""
    picked = [parse_number(one) for one in request.POST.getlist("link")]
    rows = list(sight.datapoints(write=True).filter(pk__in=picked).exclude(status=Status.DELETED))
    try:
        with transaction.atomic():
            for row in rows:
                change(row, sight, request.POST.get("action", ""), request.POST)
        messages.success(request, f"{len(rows)} links changed.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return HttpResponseRedirect(f"/links?{request.POST.get('kept', '')}")


def change(row: Datapoint, sight: Sight, action: str, given: Any) -> None:
    if action in ("active", "paused"):
        services.datapoint_update(datapoint=row, status=STATUS_WORDS[action])
    elif action == "delete":
        services.datapoint_delete(datapoint=row)
    elif action == "group":
        groups = sight.all_groups(write=True).filter(deleted=None)
        group = find_row(groups, parse_number(given.get("group")), "group", "group")
        services.datapoint_update(datapoint=row, group=group)
    elif action == "tag":
        services.datapoint_update(datapoint=row, tags=[*row.tags.all(), *find_tags(sight, words_of(given))])
    elif action == "untag":
        low = {word.lower() for word in words_of(given)}
        services.datapoint_update(datapoint=row, tags=[tag for tag in row.tags.all() if tag.name.lower() not in low])
    else:
        raise ValidationError("Choose what to do with them.")


def words_of(given: Any) -> list[str]:
    """The tag names in the field beside the actions."""
    return [word.strip() for word in given.get("word", "").split(",") if word.strip()]
