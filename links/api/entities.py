"""Lists, counts and single rows of what a caller may see: one way for all kinds of entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from links.api import wire
from links.api.call import Call
from links.api.errors import forbidden, invalid, missing
from links.models import Conversion, Datapoint, Domain, Group, Kind, Script, Status, Tag

Json = dict[str, Any]
MAX_SEARCH = 500  # characters: longer ones, and very many parts, are more than a database compares
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


def created_between(rows: QuerySet[Any], call: Call) -> QuerySet[Any]:
    after, before = call.moment("createdAfter"), call.moment("createdBefore")
    if after:
        rows = rows.filter(created__gte=after)
    return rows.filter(created__lte=before) if before else rows


def search_text(call: Call) -> str:
    """What `textSearch` looks for. Raises Failure (400) for more than anything is called."""
    text = call.text("textSearch")
    if len(text) > MAX_SEARCH:
        raise invalid("textSearch", f"textSearch has at most {MAX_SEARCH} characters.", text[:60])
    return text


def patterned(rows: QuerySet[Any], text: str, field: str = "name") -> QuerySet[Any]:
    """A name with `*` for anything, whatever the case; without a star it is the whole name. Raises Failure (400)."""
    if not text:
        return rows
    if len(text) > MAX_SEARCH or text.count("*") > MAX_STARS:
        raise invalid("name", f"name has at most {MAX_SEARCH} characters and {MAX_STARS} stars.", text[:60])
    if "*" not in text:
        return rows.filter(**{f"{field}__iexact": text})
    for place, part in enumerate(parts := text.split("*")):
        if part:
            how = "istartswith" if place == 0 else "iendswith" if place == len(parts) - 1 else "icontains"
            rows = rows.filter(**{f"{field}__{how}": part})
    return rows


def tagged(rows: QuerySet[Any], call: Call) -> QuerySet[Any]:
    """`tags=` (or `tag=`): numbers or names with commas; rows that carry one of them."""
    words = [word.strip() for word in (call.text("tags") or call.text("tag")).split(",") if word.strip()]
    if not words:
        return rows
    if len(words) > MAX_WORDS or max(map(len, words)) > MAX_SEARCH:
        raise invalid("tags", f"tags names at most {MAX_WORDS} tags of at most {MAX_SEARCH} characters.")
    wanted = Q(name__in=[])
    for word in words:
        wanted |= Q(name__iexact=word)
        if word.isdecimal() and len(word) < 19:
            wanted |= Q(pk=int(word))
    return rows.filter(tags__in=call.sight.tags().filter(wanted)).distinct()


def datapoints(call: Call, rows: QuerySet[Datapoint] | None = None) -> QuerySet[Datapoint]:
    """The links and pixels a list or count is about."""
    rows = call.sight.datapoints() if rows is None else rows
    kind = call.word("type", ("", "tp", "tl"))
    if kind:
        rows = rows.filter(kind=Kind.PIXEL if kind == "tp" else Kind.LINK)
    status = call.word("status", STATUSES)
    if status in DATAPOINT_STATUS:
        rows = rows.filter(status=DATAPOINT_STATUS[status])
    if call.flag("onlyFavorites") or call.flag("favourite"):
        rows = rows.filter(favourite=True)
    if search := search_text(call):
        rows = rows.filter(
            Q(alias__icontains=search)
            | Q(title__icontains=search)
            | Q(url__icontains=search)
            | Q(notes__icontains=search)
        )
    return created_between(tagged(patterned(rows, call.text("name"), "alias"), call), call)


def in_order(call: Call, rows: QuerySet[Datapoint]) -> QuerySet[Datapoint]:
    """By the column asked for, else by number."""
    sign = "-" if call.word("sortDirection", ("", "asc", "desc")) == "desc" else ""
    return rows.order_by(f"{sign}{SORTS.get(call.text('sortBy').lower(), 'pk')}", "pk")


def groups(call: Call, rows: QuerySet[Group] | None = None) -> QuerySet[Group]:
    rows = call.sight.all_groups(write=call.flag("write")) if rows is None else rows
    rows = alive(call, rows)
    if call.flag("onlyFavorites") or call.flag("favourite"):
        rows = rows.filter(favourite=True)
    if search := search_text(call):
        rows = rows.filter(Q(name__icontains=search) | Q(notes__icontains=search))
    return created_between(tagged(patterned(rows, call.text("name")), call), call)


def alive(call: Call, rows: QuerySet[Any]) -> QuerySet[Any]:
    """`status=` of what can only be there or deleted."""
    status = call.word("status", STATUSES)
    if status == "deleted":
        return rows.exclude(deleted=None)
    return rows.filter(deleted=None) if status in ("active", "paused", "spam") else rows


def conversions(call: Call) -> QuerySet[Conversion]:
    rows = alive(call, call.sight.conversions())
    if search := search_text(call):
        rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
    return created_between(patterned(rows, call.text("name")), call)


def describe_each(describe: Callable[[Any], Json]) -> Callable[[list[Any]], list[Json]]:
    """Turn a function for one row into one for a list of rows; for descriptions that need no query."""
    return lambda rows: [describe(row) for row in rows]


def listed(
    call: Call,
    rows: QuerySet[Any],
    kind: str,
    whole: Callable[[list[Any]], list[Json]],
    order: tuple[str, ...] = ("pk",),
) -> Json:
    """{entities: […]} of one page: references, or whole objects with `_expand=true`.

    `whole` describes all rows of the page together, so that the number of queries does not grow with the rows.
    """
    offset, limit = call.page()
    rows = rows.order_by(*order) if order else rows
    page = list(rows[offset : offset + limit])
    if call.flag("_expand"):
        described = zip(page, whole(page), strict=True)
        return {"entities": [found | {"uri": f"/{kind}/{row.pk}"} for row, found in described]}
    return {"entities": [wire.uri(kind, row.pk) for row in page]}


def counted(rows: QuerySet[Any]) -> Json:
    return {"count": rows.count()}


def datapoint(call: Call, number: int, write: bool = False) -> Datapoint:
    """One link or pixel. Raises Failure: 404 for one the caller may not see, 403 for one it may only see."""
    row = call.sight.datapoints().filter(pk=number).first()
    if row is None:
        raise missing("datapoint")
    if write and not call.sight.may_write(row):
        raise forbidden()
    return row


def group(call: Call, number: int, write: bool = False) -> Group:
    row = call.sight.all_groups().filter(pk=number).first()
    if row is None:
        raise missing("group")
    if write and not call.sight.may_write(row):
        raise forbidden()
    return row


def conversion(call: Call, number: int, write: bool = False) -> Conversion:
    row = call.sight.conversions().filter(pk=number).first()
    if row is None:
        raise missing("conversion")
    if write:
        call.only_master()
    return row


def tag(call: Call, number: int, write: bool = False) -> Tag:
    row = call.sight.tags().filter(pk=number).first()
    if row is None:
        raise missing("tag")
    if write:
        call.only_master()
    return row


def domain(call: Call, number: int, write: bool = False) -> Domain:
    row = call.sight.domains().filter(pk=number).first()
    if row is None:
        raise missing("domain")
    if write:
        call.only_master()
        if row.account_id is None:
            raise forbidden()
    return row


def script(call: Call, number: int, write: bool = False) -> Script:
    row = call.sight.scripts().filter(pk=number).first()
    if row is None:
        raise missing("retargeting script")
    if write:
        call.only_master()
    return row
