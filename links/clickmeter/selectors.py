"""Selectors of the API: filters of lists and counts, and single rows of the caller's scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from accounts.models import Grant
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.errors import build_forbidden_error, build_not_found_error, build_parameter_error
from links.clickmeter.parameters import DATAPOINT_TYPE, STATUS
from links.clickmeter.values import Json
from links.models import Conversion, Datapoint, DatapointKind, Group, Status
from links.selectors import MAX_SEARCH, parse_id, search_links, split_names

Row = TypeVar("Row", bound=Model)
MAX_STARS, MAX_WORDS = 20, 100
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


def filter_datapoints(request: ApiRequest, rows: QuerySet[Datapoint]) -> QuerySet[Datapoint]:
    """Filter the links and pixels of a list or count by the request's parameters."""
    if kind := request.get_choice(DATAPOINT_TYPE):
        rows = rows.filter(kind=DatapointKind.PIXEL if kind == "tp" else DatapointKind.LINK)
    status = request.get_choice(STATUS)
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
    return rows.order_by(f"{request.sign}{SORTS.get(request.get_text('sortBy').lower(), 'pk')}", "pk")


def filter_groups(request: ApiRequest, rows: QuerySet[Group]) -> QuerySet[Group]:
    rows = filter_by_deletion(request, rows)
    if request.get_flag("onlyFavorites") or request.get_flag("favourite"):
        rows = rows.filter(favourite=True)
    if search := parse_search(request):
        rows = rows.filter(Q(name__icontains=search) | Q(notes__icontains=search))
    return filter_by_creation(filter_by_tags(filter_by_pattern(rows, request.get_text("name")), request), request)


def filter_by_deletion(request: ApiRequest, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Filter by `status=` rows that can only exist or be deleted."""
    status = request.get_choice(STATUS)
    if status == "deleted":
        return rows.exclude(deleted=None)
    return rows.filter(deleted=None) if status in ("active", "paused", "spam") else rows


def filter_conversions(request: ApiRequest, rows: QuerySet[Conversion]) -> QuerySet[Conversion]:
    rows = filter_by_deletion(request, rows)
    if search := parse_search(request):
        rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
    return filter_by_creation(filter_by_pattern(rows, request.get_text("name")), request)


def build_reference(kind: str, number: int) -> Json:
    """Build a reference to an entity."""
    return {"id": number, "uri": f"/{kind}/{number}"}


def find_shared_ids(kind: str, rows: Sequence[Datapoint | Group], numbers: Iterable[int]) -> set[int]:
    """Find which of these links or groups (by id, of the account of `rows`) are shared with a guest one by one."""
    accounts = {row.account_id for row in rows}
    grants = Grant.objects.filter(kind=kind, object_id__in=set(numbers), membership__account__in=accounts)
    return set(grants.values_list("object_id", flat=True))


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


def find_conversion(request: ApiRequest, number: int) -> Conversion:
    return find_row(request.scope.conversions(), number, "conversion")
