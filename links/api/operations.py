"""The table of all operations: method, path, handler. Routes, documentation and contract tests are derived from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from links.api import accounting as a
from links.api import belongings as b
from links.api import management as m
from links.api import numbers as n
from links.api import streams as s
from links.api import tags as t
from links.api import tops
from links.models import Listing


class Operation(NamedTuple):
    """One operation; `handler(request, **path_values)` returns the JSON of a 200."""

    method: str
    path: str
    handler: Callable[..., Any]
    tag: str


def build_operations(tag: str, *rows: tuple[str, str, Callable[..., Any]]) -> tuple[Operation, ...]:
    return tuple(Operation(method, path, handler, tag) for method, path, handler in rows)


OPERATIONS: tuple[Operation, ...] = (
    *build_operations(
        "DataPoints",
        ("GET", "/datapoints", m.datapoint_list),
        ("POST", "/datapoints", m.datapoint_create),
        ("GET", "/datapoints/aggregated", n.datapoints_aggregated),
        ("GET", "/datapoints/aggregated/list", n.datapoints_by_time),
        ("DELETE", "/datapoints/batch", m.batch_delete),
        ("POST", "/datapoints/batch", m.batch_update),
        ("PUT", "/datapoints/batch", m.batch_create),
        ("GET", "/datapoints/count", m.datapoint_count),
        ("DELETE", "/datapoints/{id}", m.datapoint_delete),
        ("GET", "/datapoints/{id}", m.datapoint_get),
        ("POST", "/datapoints/{id}", m.datapoint_update),
        ("GET", "/datapoints/{id}/aggregated", n.datapoint_aggregated),
        ("GET", "/datapoints/{id}/aggregated/list", n.datapoint_by_time),
        ("PUT", "/datapoints/{id}/favourite", m.datapoint_favourite),
        ("GET", "/datapoints/{id}/hits", s.datapoint_hits),
        ("PUT", "/datapoints/{id}/notes", m.datapoint_notes),
        ("GET", "/datapoints/{id}/reports", tops.datapoint_report),
    ),
    *build_operations(
        "Groups",
        ("GET", "/groups", m.group_list),
        ("POST", "/groups", m.group_create),
        ("GET", "/groups/aggregated", n.groups_aggregated),
        ("GET", "/groups/aggregated/list", n.groups_by_time),
        ("GET", "/groups/count", m.group_count),
        ("DELETE", "/groups/{id}", m.group_delete),
        ("GET", "/groups/{id}", m.group_get),
        ("POST", "/groups/{id}", m.group_update),
        ("GET", "/groups/{id}/aggregated", n.group_aggregated),
        ("GET", "/groups/{id}/aggregated/list", n.group_by_time),
        ("GET", "/groups/{id}/aggregated/summary", n.group_summary),
        ("GET", "/groups/{id}/datapoints", m.group_datapoints),
        ("POST", "/groups/{id}/datapoints", m.group_datapoint_create),
        ("GET", "/groups/{id}/datapoints/count", m.group_datapoints_count),
        ("PUT", "/groups/{id}/favourite", m.group_favourite),
        ("GET", "/groups/{id}/hits", s.group_hits),
        ("PUT", "/groups/{id}/notes", m.group_notes),
        ("GET", "/groups/{id}/reports", tops.group_report),
    ),
    *build_operations(
        "Tags",
        ("GET", "/tags", t.tag_list),
        ("POST", "/tags", t.tag_create),
        ("GET", "/tags/count", t.tag_count),
        ("DELETE", "/tags/{tagId}", t.tag_delete),
        ("GET", "/tags/{tagId}", t.tag_get),
        ("DELETE", "/tags/{tagId}/datapoints", t.tag_datapoints_clear),
        ("GET", "/tags/{tagId}/datapoints", t.tag_datapoints),
        ("GET", "/tags/{tagId}/datapoints/count", t.tag_datapoints_count),
        ("PUT", "/tags/{tagId}/datapoints/patch", t.tag_datapoints_patch),
        ("DELETE", "/tags/{tagId}/groups", t.tag_groups_clear),
        ("GET", "/tags/{tagId}/groups", t.tag_groups),
        ("GET", "/tags/{tagId}/groups/count", t.tag_groups_count),
        ("PUT", "/tags/{tagId}/groups/patch", t.tag_groups_patch),
        ("PUT", "/tags/{tagId}/name", t.tag_rename),
    ),
    *build_operations(
        "Conversions",
        ("GET", "/conversions", b.conversion_list),
        ("POST", "/conversions", b.conversion_create),
        ("GET", "/conversions/aggregated/list", n.conversions_by_time),
        ("GET", "/conversions/count", b.conversion_count),
        ("DELETE", "/conversions/{conversionId}", b.conversion_delete),
        ("GET", "/conversions/{conversionId}", b.conversion_get),
        ("POST", "/conversions/{conversionId}", b.conversion_update),
        ("GET", "/conversions/{conversionId}/aggregated", n.conversion_aggregated),
        ("GET", "/conversions/{conversionId}/aggregated/list", n.conversion_by_time),
        ("GET", "/conversions/{conversionId}/datapoints", b.conversion_datapoints),
        ("PUT", "/conversions/{conversionId}/datapoints/batch/patch", b.conversion_patch_batch),
        ("GET", "/conversions/{conversionId}/datapoints/count", b.conversion_datapoints_count),
        ("PUT", "/conversions/{conversionId}/datapoints/patch", b.conversion_patch),
        ("GET", "/conversions/{conversionId}/hits", s.conversion_hits),
        ("PUT", "/conversions/{conversionId}/notes", b.conversion_notes),
        ("GET", "/conversions/{conversionId}/reports", tops.conversion_report),
    ),
    *build_operations(
        "Domains",
        ("GET", "/domains", b.domain_list),
        ("POST", "/domains", b.domain_create),
        ("GET", "/domains/count", b.domain_count),
        ("DELETE", "/domains/{id}", b.domain_delete),
        ("GET", "/domains/{id}", b.domain_get),
        ("POST", "/domains/{id}", b.domain_update),
    ),
    *build_operations(
        "Retargeting",
        ("GET", "/retargeting", b.script_list),
        ("POST", "/retargeting", b.script_create),
        ("GET", "/retargeting/count", b.script_count),
        ("DELETE", "/retargeting/{id}", b.script_delete),
        ("GET", "/retargeting/{id}", b.script_get),
        ("POST", "/retargeting/{id}", b.script_update),
        ("GET", "/retargeting/{id}/datapoints", b.script_datapoints),
        ("GET", "/retargeting/{id}/datapoints/count", b.script_datapoints_count),
    ),
    *build_operations(
        "Account",
        ("GET", "/account", a.account_get),
        ("POST", "/account", a.account_update),
        ("GET", "/account/domainwhitelist", a.entry_list(Listing.WHITELIST)),
        ("POST", "/account/domainwhitelist", a.entry_create(Listing.WHITELIST)),
        ("DELETE", "/account/domainwhitelist/{whitelistId}", a.entry_delete(Listing.WHITELIST)),
        ("GET", "/account/guests", a.guest_list),
        ("POST", "/account/guests", a.guest_create),
        ("GET", "/account/guests/count", a.guest_count),
        ("DELETE", "/account/guests/{guestId}", a.guest_delete),
        ("GET", "/account/guests/{guestId}", a.guest_get),
        ("POST", "/account/guests/{guestId}", a.guest_update),
        ("GET", "/account/guests/{guestId}/permissions", a.permission_list),
        ("GET", "/account/guests/{guestId}/permissions/count", a.permission_count),
        ("POST", "/account/guests/{guestId}/{type}/permissions/patch", a.permission_patch),
        ("PUT", "/account/guests/{guestId}/{type}/permissions/patch", a.permission_patch),
        ("GET", "/account/ipblacklist", a.entry_list(Listing.BLACKLIST)),
        ("POST", "/account/ipblacklist", a.entry_create(Listing.BLACKLIST)),
        ("DELETE", "/account/ipblacklist/{blacklistId}", a.entry_delete(Listing.BLACKLIST)),
        ("GET", "/account/plan", a.plan),
    ),
    *build_operations("Me", ("GET", "/me", a.account_get), ("GET", "/me/plan", a.plan)),
    *build_operations(
        "Aggregated",
        ("GET", "/aggregated", n.all_aggregated),
        ("GET", "/aggregated/list", n.all_by_time),
        ("GET", "/aggregated/summary/conversions", n.summary_conversions),
        ("GET", "/aggregated/summary/datapoints", n.summary_datapoints),
        ("GET", "/aggregated/summary/groups", n.summary_groups),
    ),
    *build_operations("Reports", ("GET", "/reports", tops.overall_report)),
    *build_operations("ClickStream", ("GET", "/clickstream", s.clickstream)),
    *build_operations("Hits", ("GET", "/hits", s.all_hits)),
)


def group_by_tag() -> list[tuple[str, list[Operation]]]:
    """Group all operations by their tags, in the order of the table."""
    tags = dict.fromkeys(operation.tag for operation in OPERATIONS)
    return [(tag, [operation for operation in OPERATIONS if operation.tag == tag]) for tag in tags]
