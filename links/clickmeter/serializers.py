"""Serializers: rows as ClickMeter's JSON. Members with default values are omitted, except a few that clients rely
on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Count, Prefetch, prefetch_related_objects

from accounts.models import Grant
from links.clickmeter.api_request import Json
from links.clickmeter.parsers import POSITION_NAMES
from links.clickmeter.times import format_time
from links.models import (
    Conversion,
    Datapoint,
    DatapointKind,
    Domain,
    Group,
    LinkConversion,
    ListEntry,
    ListKind,
    Script,
    Status,
    Tag,
)
from links.permissions import DATAPOINT, GROUP, LinkScope
from links.public_urls import build_tracking_url

TYPE_NAMES = {DatapointKind.LINK: "TrackingLink", DatapointKind.PIXEL: "TrackingPixel"}


def omit_empty(**members: object) -> Json:
    """Return the members that are not 0, false, null or empty."""
    return {name: value for name, value in members.items() if value not in (None, False, 0, "", [], {})}


def build_reference(kind: str, number: int) -> Json:
    """Build a reference to an entity."""
    return {"id": number, "uri": f"/{kind}/{number}"}


def serialize_tag_names(row: Datapoint | Group) -> list[Json]:
    return [{"id": tag.pk, "name": tag.name} for tag in row.tags.all()]


def serialize_datapoints(rows: list[Datapoint], scope: LinkScope) -> list[Json]:
    """Serialize links and pixels with all fields; related rows are prefetched for all of them."""
    attached = Prefetch("attached", queryset=LinkConversion.objects.select_related("conversion"))
    prefetch_related_objects(rows, "group", "domain", "tags", "scripts", attached)
    return [serialize_datapoint(row, scope) for row in rows]


def serialize_datapoint(row: Datapoint, scope: LinkScope) -> Json:
    """Serialize one link or pixel with all fields."""
    result: Json = {"id": row.pk, "name": row.alias}
    result |= omit_empty(type=row.kind, status=row.status)
    result |= {
        "title": row.title, "trackingCode": build_tracking_url(row), "tags": serialize_tag_names(row),
        "groupId": row.group_id, "groupName": row.group.name, "creationDate": format_time(row.created),
    }  # fmt: skip
    result |= omit_empty(
        notes=row.notes, preferred=row.favourite, encodeIp=row.encode_ip, isPublic=row.is_public,
        isSecured=row.is_secured or bool(row.password), lightTracking=row.light_tracking,
        redirectOnly=row.redirect_only,
        writePermited=scope.may_edit(row),
    )  # fmt: skip
    for link_conversion in row.attached.all():
        name = POSITION_NAMES[link_conversion.position - 1]
        result |= {
            f"{name}ConversionId": link_conversion.conversion_id,
            f"{name}ConversionName": link_conversion.conversion.name,
        }
    result["typeTP" if row.kind == DatapointKind.PIXEL else "typeTL"] = (
        omit_empty(parameterNote=row.parameter_note) if row.kind == DatapointKind.PIXEL else serialize_link_details(row)
    )
    return result


def serialize_link_details(row: Datapoint) -> Json:
    """Serialize typeTL. A password is never returned; isSecured says that there is one."""
    rules = row.rules or {}
    result: Json = {
        "url": row.url, "firstUrl": row.first_url, "redirectType": row.redirect_type, "domainId": row.domain_id,
    }  # fmt: skip
    result |= omit_empty(
        destinationMode=row.mode, appendQuery=row.append_query, encodeUrl=row.encode_url, hideUrl=row.hide_url,
        hideUrlTitle=row.hide_url_title, isABTest=row.is_ab_test, referrerClean=row.referrer_clean,
        goDomainId=row.go_domain_id, expirationClicks=row.expiration_clicks,
        expirationDate=format_time(row.expiration_date), pauseAfterClicksExpiration=row.pause_after_clicks,
        pauseAfterDateExpiration=row.pause_after_date, urlAfterClicksExpiration=row.url_after_clicks,
        urlAfterDateExpiration=row.url_after_date,
        randomDestinationItems=[{"url": url} for url in rules.get("random", ())],
        sequentialDestinationItems=[{"url": url} for url in rules.get("sequential", ())],
        spilloverDestinationItems=[{"url": url} for url in rules.get("spillover", ())],
        weightedDestinationItems=[{"url": url, "weight": weight} for url, weight in rules.get("weighted", ())],
        urlsByLanguage=[{"languageCode": code, "url": url} for code, url in rules.get("languages", ())],
        urlsByNation=[{"nation": code, "url": url} for code, url in rules.get("nations", ())],
        browserDestinationItem=omit_empty(
            emailDestinationUrl=rules.get("browser", {}).get("email"),
            mobileDestinationUrl=rules.get("browser", {}).get("mobile"),
            spidersDestinationUrl=rules.get("browser", {}).get("spiders"),
        ),
        uniqueDestinationItem=omit_empty(firstDestinationUrl=rules.get("first")),
        scripts=[{"id": script.pk, "name": script.name} for script in row.scripts.all()],
    )  # fmt: skip
    return result


def serialize_groups(rows: list[Group], scope: LinkScope) -> list[Json]:
    """Serialize groups with all fields."""
    prefetch_related_objects(rows, "tags")
    return [serialize_group(row, scope) for row in rows]


def serialize_group(row: Group, scope: LinkScope) -> Json:
    result: Json = {
        "id": row.pk,
        "name": row.name,
        "creationDate": format_time(row.created),
        "tags": serialize_tag_names(row),
    }
    return result | omit_empty(
        notes=row.notes, preferred=row.favourite, redirectOnly=row.redirect_only, isPublic=row.is_public,
        deleted=row.deleted is not None, writePermited=scope.may_edit(row),
    )  # fmt: skip


def serialize_conversion(row: Conversion) -> Json:
    result: Json = {"id": row.pk, "name": row.name, "code": row.code, "creationDate": format_time(row.created)}
    result["value"] = float(row.value)
    return result | omit_empty(description=row.description, protocol=row.protocol, deleted=row.deleted is not None)


def serialize_tags(rows: list[Tag], scope: LinkScope) -> list[Json]:
    """Serialize tags with the ids of their links and groups in the caller's scope."""
    on_links = Datapoint.tags.through.objects.filter(tag__in=rows, datapoint__in=scope.datapoints())
    on_groups = Group.tags.through.objects.filter(tag__in=rows, group__in=scope.groups())
    links: dict[int, list[int]] = {}
    campaigns: dict[int, list[int]] = {}
    for tag_id, number in on_links.order_by("datapoint_id").values_list("tag_id", "datapoint_id"):
        links.setdefault(tag_id, []).append(number)
    for tag_id, number in on_groups.order_by("group_id").values_list("tag_id", "group_id"):
        campaigns.setdefault(tag_id, []).append(number)
    return [
        {"id": row.pk, "name": row.name, "datapoints": links.get(row.pk, []), "groups": campaigns.get(row.pk, [])}
        for row in rows
    ]


def serialize_domain(row: Domain) -> Json:
    return {"id": row.pk, "name": row.name} | omit_empty(
        type=row.kind, custom404=row.custom_404, customHomepage=row.custom_homepage
    )


def serialize_script(row: Script) -> Json:
    return {"id": row.pk, "name": row.name, "script": row.script}


def serialize_entry(row: ListEntry) -> Json:
    return {"id": row.code, "ip" if row.listing == ListKind.BLACKLIST else "name": row.value}


def find_shared_ids(kind: str, rows: Sequence[Datapoint | Group], numbers: Iterable[int]) -> set[int]:
    """Find which of these links or groups (by id, of the account of `rows`) are shared with a guest one by one."""
    accounts = {row.account_id for row in rows}
    grants = Grant.objects.filter(kind=kind, object_id__in=set(numbers), membership__account__in=accounts)
    return set(grants.values_list("object_id", flat=True))


def summarize_datapoints(rows: list[Datapoint]) -> list[Json]:
    """Summarize links, for aggregates and hits."""
    prefetch_related_objects(rows, "group", "domain", "tags")
    links = find_shared_ids(DATAPOINT, rows, [row.pk for row in rows])
    groups = find_shared_ids(GROUP, rows, [row.group_id for row in rows])
    return [summarize_datapoint(row, row.pk in links or row.group_id in groups) for row in rows]


def summarize_datapoint(row: Datapoint, shared: bool) -> Json:
    """Summarize one link; `shared`: with a guest."""
    result: Json = {
        "datapointId": row.pk, "datapointName": row.alias, "datapointTitle": row.title,
        "datapointType": TYPE_NAMES[DatapointKind(row.kind)], "groupId": row.group_id, "groupName": row.group.name,
        "notes": row.notes, "creationDate": format_time(row.created), "tags": serialize_tag_names(row),
        "trackingCode": build_tracking_url(row),
    }  # fmt: skip
    if row.kind == DatapointKind.LINK:
        result["destinationUrl"] = row.url
    return result | omit_empty(
        status=row.status, datapointFavourite=row.favourite, isPublic=row.is_public, isABTest=row.is_ab_test,
        isPrivateShared=shared,
    )  # fmt: skip


def summarize_groups(rows: list[Group]) -> list[Json]:
    """Summarize groups, for aggregates."""
    prefetch_related_objects(rows, "tags")
    there = Datapoint.objects.filter(group__in=rows).exclude(status=Status.DELETED)
    counts = dict(there.order_by().values_list("group_id").annotate(Count("pk")))
    shared = find_shared_ids(GROUP, rows, [row.pk for row in rows])
    return [summarize_group(row, counts.get(row.pk, 0), row.pk in shared) for row in rows]


def summarize_group(row: Group, links: int, shared: bool) -> Json:
    """Summarize a group with this number of links; `shared`: with a guest."""
    result: Json = {
        "groupId": row.pk, "groupName": row.name, "creationDate": format_time(row.created),
        "tags": serialize_tag_names(row),
        "linksCount": links,
    }  # fmt: skip
    return result | omit_empty(groupFavourite=row.favourite, deleted=row.deleted is not None, isPrivateShared=shared)


def summarize_conversions(rows: list[Conversion]) -> list[Json]:
    """Summarize conversions, for aggregates."""
    return [summarize_conversion(row) for row in rows]


def summarize_conversion(row: Conversion) -> Json:
    result: Json = {"id": row.pk, "name": row.name, "value": float(row.value), "date": format_time(row.created)}
    return result | omit_empty(deleted=row.deleted is not None)
