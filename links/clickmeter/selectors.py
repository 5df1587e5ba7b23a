"""Selectors of the API: lists, counts and single rows within the caller's scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from links.clickmeter import serializers
from links.clickmeter.api_request import ApiRequest, Json
from links.clickmeter.errors import build_forbidden_error, build_not_found_error, build_parameter_error
from links.models import Conversion, Datapoint, DatapointKind, Domain, Group, Script, Status, Tag
from links.selectors import MAX_SEARCH, parse_id, search_links, split_names

Row = TypeVar("Row", bound=Model)
MAX_STARS, MAX_WORDS = 20, 100
STATUSES = ("", "all", "deleted", "active", "paused", "spam", "abuse")
DATAPOINT_STATUS = {
    "deleted": Status.DELETED, "active": Status.ACTIVE, "paused": Status.PAUSED, "spam": Status.BLOCKED,
    "abuse": Status.BLOCKED,
}  # fmt: skip
SORTS = {
    "id": "pk", "name": "alias_key", "title": "title", "creationdate": "created", "datapointname": "alias_key",
    "datapointtitle": "title", "status": "status", "groupname": "group__name", "url": "url", "destinationurl": "url",
}  # fmt: skip


def filter_by_creation(rows: QuerySet[Row], request: ApiRequest) -> QuerySet[Row]:
    after, before = request.get_time("createdAfter"), request.get_time("createdBefore")
    if after:
        rows = rows.filter(created__gte=after)
    return rows.filter(created__lte=before) if before else rows


def parse_search(request: ApiRequest) -> str:
    """Parse `textSearch`. Raises ApiError (400) for a text that is too long."""
    text = request.get_text("textSearch")
    if len(text) > MAX_SEARCH:
        raise build_parameter_error("textSearch", f"textSearch has at most {MAX_SEARCH} characters.", text[:60])
    return text


def filter_by_pattern(rows: QuerySet[Row], text: str, field: str = "name") -> QuerySet[Row]:
    """Filter by a name with `*` as wildcard, ignoring case; without `*` the full name. Raises ApiError (400)."""
    if not text:
        return rows
    if len(text) > MAX_SEARCH or text.count("*") > MAX_STARS:
        raise build_parameter_error(
            "name", f"name has at most {MAX_SEARCH} characters and {MAX_STARS} stars.", text[:60]
        )
    if "*" not in text:
        return rows.filter(**{f"{field}__iexact": text})
    for place, part in enumerate(parts := text.split("*")):
        if part:
            how = "istartswith" if place == 0 else "iendswith" if place == len(parts) - 1 else "icontains"
            rows = rows.filter(**{f"{field}__{how}": part})
    return rows


def filter_by_tags(rows: QuerySet[Row], request: ApiRequest) -> QuerySet[Row]:
    """Filter by `tags=` (or `tag=`), ids or names separated by commas: rows that carry one of them."""
    words = split_names(request.get_text("tags") or request.get_text("tag"))
    if not words:
        return rows
    if len(words) > MAX_WORDS or max(map(len, words)) > MAX_SEARCH:
        raise build_parameter_error("tags", f"tags names at most {MAX_WORDS} tags of at most {MAX_SEARCH} characters.")
    wanted = Q(name__in=[])
    for word in words:
        wanted |= Q(name__iexact=word)
        if number := parse_id(word):
            wanted |= Q(pk=number)
    return rows.filter(tags__in=request.scope.tags().filter(wanted)).distinct()


def filter_datapoints(request: ApiRequest, rows: QuerySet[Datapoint] | None = None) -> QuerySet[Datapoint]:
    """Filter the links and pixels of a list or count by the request's parameters."""
    rows = request.scope.datapoints() if rows is None else rows
    kind = request.get_choice("type", ("", "tp", "tl"))
    if kind:
        rows = rows.filter(kind=DatapointKind.PIXEL if kind == "tp" else DatapointKind.LINK)
    status = request.get_choice("status", STATUSES)
    if status in DATAPOINT_STATUS:
        rows = rows.filter(status=DATAPOINT_STATUS[status])
    if request.get_flag("onlyFavorites") or request.get_flag("favourite"):
        rows = rows.filter(favourite=True)
    if search := parse_search(request):
        rows = search_links(rows, search)
    return filter_by_creation(
        filter_by_tags(filter_by_pattern(rows, request.get_text("name"), "alias"), request), request
    )


def order_datapoints(request: ApiRequest, rows: QuerySet[Datapoint]) -> QuerySet[Datapoint]:
    """Order links by `sortBy`, by default by id."""
    sign = "-" if request.get_choice("sortDirection", ("", "asc", "desc")) == "desc" else ""
    return rows.order_by(f"{sign}{SORTS.get(request.get_text('sortBy').lower(), 'pk')}", "pk")


def filter_groups(request: ApiRequest, rows: QuerySet[Group] | None = None) -> QuerySet[Group]:
    rows = request.scope.groups(may="edit" if request.get_flag("write") else "view") if rows is None else rows
    rows = filter_by_deletion(request, rows)
    if request.get_flag("onlyFavorites") or request.get_flag("favourite"):
        rows = rows.filter(favourite=True)
    if search := parse_search(request):
        rows = rows.filter(Q(name__icontains=search) | Q(notes__icontains=search))
    return filter_by_creation(filter_by_tags(filter_by_pattern(rows, request.get_text("name")), request), request)


def filter_by_deletion(request: ApiRequest, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Filter by `status=` rows that can only exist or be deleted."""
    status = request.get_choice("status", STATUSES)
    if status == "deleted":
        return rows.exclude(deleted=None)
    return rows.filter(deleted=None) if status in ("active", "paused", "spam") else rows


def filter_conversions(request: ApiRequest) -> QuerySet[Conversion]:
    rows = filter_by_deletion(request, request.scope.conversions())
    if search := parse_search(request):
        rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
    return filter_by_creation(filter_by_pattern(rows, request.get_text("name")), request)


def serialize_each(describe: Callable[[Row], Json]) -> Callable[[list[Row]], list[Json]]:
    """Build a serializer of a list from one of a row, for rows whose serialization needs no query."""
    return lambda rows: [describe(row) for row in rows]


def list_page(
    request: ApiRequest,
    rows: QuerySet[Row],
    kind: str,
    serialize: Callable[[list[Row]], list[Json]],
) -> Json:
    """Return {entities: […]} of one page: references, or complete objects with `_expand=true`; by id if not ordered.

    `serialize` gets all rows of the page, so that the number of queries does not grow with the rows.
    """
    offset, limit = request.get_page()
    rows = rows if rows.ordered else rows.order_by("pk")
    page = list(rows[offset : offset + limit])
    if request.get_flag("_expand"):
        described = zip(page, serialize(page), strict=True)
        return {"entities": [row_data | {"uri": f"/{kind}/{row.pk}"} for row, row_data in described]}
    return {"entities": [serializers.build_reference(kind, row.pk) for row in page]}


def list_datapoints(request: ApiRequest, rows: QuerySet[Datapoint]) -> Json:
    return list_page(request, rows, "datapoints", lambda page: serializers.serialize_datapoints(page, request.scope))


def list_groups(request: ApiRequest, rows: QuerySet[Group]) -> Json:
    return list_page(request, rows, "groups", lambda page: serializers.serialize_groups(page, request.scope))


def count_rows(rows: QuerySet[Row]) -> Json:
    return {"count": rows.count()}


# -- single rows: 404 outside the caller's scope, 403 without the right to edit ----------------------------------------


def find_row(rows: QuerySet[Row], number: int, what: str) -> Row:
    """Find a row of the caller's scope. Raises ApiError (404)."""
    row = rows.filter(pk=number).first()
    if row is None:
        raise build_not_found_error(what)
    return row


def find_datapoint(request: ApiRequest, number: int, may: str = "view") -> Datapoint:
    row = find_row(request.scope.datapoints(), number, "datapoint")
    if may == "edit" and not request.scope.may_edit(row):
        raise build_forbidden_error()
    return row


def find_group(request: ApiRequest, number: int, may: str = "view") -> Group:
    row = find_row(request.scope.groups(), number, "group")
    if may == "edit" and not request.scope.may_edit(row):
        raise build_forbidden_error()
    return row


def find_managed_row(request: ApiRequest, rows: QuerySet[Row], number: int, what: str, may: str) -> Row:
    """Find a row that only the team may edit. Raises ApiError (403, 404)."""
    row = find_row(rows, number, what)
    if may == "edit":
        request.require_manager()
    return row


def find_conversion(request: ApiRequest, number: int, may: str = "view") -> Conversion:
    return find_managed_row(request, request.scope.conversions(), number, "conversion", may)


def find_tag(request: ApiRequest, number: int, may: str = "view") -> Tag:
    return find_managed_row(request, request.scope.tags(), number, "tag", may)


def find_script(request: ApiRequest, number: int, may: str = "view") -> Script:
    return find_managed_row(request, request.scope.scripts(), number, "retargeting script", may)


def find_domain(request: ApiRequest, number: int, may: str = "view") -> Domain:
    row = find_managed_row(request, request.scope.domains(), number, "domain", may)
    if may == "edit" and row.account_id is None:
        raise build_forbidden_error()
    return row
