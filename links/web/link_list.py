"""The list of links: search, filters, and changes of many links at once."""

from __future__ import annotations

from functools import partial

from babel.numbers import format_decimal
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from links import link_statistics
from links.models import Datapoint, DatapointKind, Status
from links.permissions import LinkScope
from links.public_urls import build_tracking_url
from links.selectors import MAX_SEARCH, find_row, find_tags, parse_id, search_links, split_names
from links.services import links as services
from links.web.page_layout import links_page, render_page
from reports.labels import detect_locale
from reports.query import Period

PER_PAGE = 50
STATUS_WORDS = {"active": Status.ACTIVE, "paused": Status.PAUSED, "blocked": Status.BLOCKED, "deleted": Status.DELETED}


def filter_links(data: QueryDict, scope: LinkScope) -> QuerySet[Datapoint]:
    """Filter the links by the URL's parameters."""
    rows = scope.datapoints()
    status = STATUS_WORDS.get(data.get("status", ""))
    rows = rows.exclude(status=Status.DELETED) if status is None else rows.filter(status=status)
    if data.get("kind") in ("link", "pixel"):
        rows = rows.filter(kind=DatapointKind.PIXEL if data["kind"] == "pixel" else DatapointKind.LINK)
    if text := data.get("q", "").strip()[:MAX_SEARCH]:
        rows = search_links(rows, text)
    if group := parse_id(data.get("group")):
        rows = rows.filter(group_id=group)
    if tag := data.get("tag", "").strip()[:MAX_SEARCH]:
        rows = rows.filter(tags__name__iexact=tag)
    if data.get("favourite"):
        rows = rows.filter(favourite=True)
    return rows.order_by("-created", "-pk").distinct()


def query_recent_counts(
    scope: LinkScope, rows: list[Datapoint], metrics: tuple[str, ...]
) -> dict[int, link_statistics.Row]:
    """Query the last 30 days' counts of these links."""
    if not rows:
        return {}
    now = timezone.now()
    period = link_statistics.limit_period(scope, Period.parse("30d", scope.account.timezone, now))
    return link_statistics.query_by_id(
        scope.account, "link", period, [link_statistics.is_any_of("link", *(row.pk for row in rows))], now, metrics
    )


@require_safe
@links_page("list")
def show_links(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render the links of the caller's scope, newest first, with the last 30 days' clicks."""
    found = filter_links(request.GET, scope).prefetch_related("tags")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    metrics = ("clicks", "unique_clicks", "pixel_views", "unique_pixel_views", "link_conversions")
    counts, format_count = (
        query_recent_counts(scope, rows, metrics),
        partial(format_decimal, locale=detect_locale(request)),
    )
    lines = [
        {
            "row": row, "address": build_tracking_url(row), "may_edit": scope.may_edit(row),
            "hits": format_count(count.get("clicks", 0) + count.get("pixel_views", 0)),
            "unique": format_count(count.get("unique_clicks", 0) + count.get("unique_pixel_views", 0)),
            "conversions": format_count(count.get("link_conversions", 0)) if scope.sees_conversions else "",
        }
        for row in rows
        for count in [counts.get(row.pk, {})]
    ]  # fmt: skip
    other_parameters = request.GET.copy()
    other_parameters.pop("page", None)
    return render_page(
        request, scope, "list", lines=lines, page=page, list_query=other_parameters.urlencode(), query=request.GET,
        groups=scope.groups().filter(deleted=None).order_by("name"),
        tags=scope.tags().order_by("name")[:200], statuses=STATUS_WORDS,
    )  # fmt: skip


@require_POST
@links_page("list", may="edit")
def change_links(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Apply one change to many links: all or nothing."""
    link_ids = [parse_id(link_id) for link_id in request.POST.getlist("link")]
    rows = list(scope.datapoints(may="edit").filter(pk__in=link_ids).exclude(status=Status.DELETED))
    try:
        with transaction.atomic():
            for row in rows:
                change_link(row, scope, request.POST.get("action", ""), request.POST)
        messages.success(request, f"{len(rows)} links changed.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return HttpResponseRedirect(f"{reverse('links:list')}?{request.POST.get('kept', '')}")


def change_link(row: Datapoint, scope: LinkScope, action: str, data: QueryDict) -> None:
    """Apply one action of the list to a link. Raises ValidationError."""
    if action in ("active", "paused"):
        services.datapoint_update(datapoint=row, status=STATUS_WORDS[action])
    elif action == "delete":
        services.datapoint_delete(datapoint=row)
    elif action == "group":
        groups = scope.groups(may="edit").filter(deleted=None)
        group = find_row(groups, parse_id(data.get("group")), "group", "group")
        services.datapoint_update(datapoint=row, group=group)
    elif action == "tag":
        services.datapoint_update(
            datapoint=row, tags=[*row.tags.all(), *find_tags(scope, split_names(data.get("word", "")))]
        )
    elif action == "untag":
        low = {word.lower() for word in split_names(data.get("word", ""))}
        services.datapoint_update(datapoint=row, tags=[tag for tag in row.tags.all() if tag.name.lower() not in low])
    else:
        raise ValidationError("Choose an action.")
