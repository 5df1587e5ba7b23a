"""The table of all operations: method, path, handler. Routes, documentation and contract tests are derived from it."""

from __future__ import annotations

from typing import NamedTuple

from links.clickmeter import (
    account,
    aggregates,
    conversions,
    datapoints,
    domains,
    groups,
    guests,
    hit_lists,
    retargeting,
    tags,
    top_reports,
)
from links.clickmeter.api_request import Handler
from links.models import ListKind


class Operation(NamedTuple):
    """One operation; `handler(request, **path_values)` returns the JSON of a 200."""

    method: str
    path: str
    handler: Handler
    tag: str


def build_operations(tag: str, *rows: tuple[str, str, Handler]) -> tuple[Operation, ...]:
    return tuple(Operation(method, path, handler, tag) for method, path, handler in rows)


OPERATIONS: tuple[Operation, ...] = (
    *build_operations(
        "DataPoints",
        ("GET", "/datapoints", datapoints.datapoint_list),
        ("POST", "/datapoints", datapoints.datapoint_create),
        ("GET", "/datapoints/aggregated", aggregates.datapoints_aggregate),
        ("GET", "/datapoints/aggregated/list", aggregates.datapoints_aggregate_by_time),
        ("DELETE", "/datapoints/batch", datapoints.batch_delete),
        ("POST", "/datapoints/batch", datapoints.batch_update),
        ("PUT", "/datapoints/batch", datapoints.batch_create),
        ("GET", "/datapoints/count", datapoints.datapoint_count),
        ("DELETE", "/datapoints/{id}", datapoints.datapoint_delete),
        ("GET", "/datapoints/{id}", datapoints.datapoint_get),
        ("POST", "/datapoints/{id}", datapoints.datapoint_update),
        ("GET", "/datapoints/{id}/aggregated", aggregates.datapoint_aggregate),
        ("GET", "/datapoints/{id}/aggregated/list", aggregates.datapoint_aggregate_by_time),
        ("PUT", "/datapoints/{id}/favourite", datapoints.datapoint_favourite_set),
        ("GET", "/datapoints/{id}/hits", hit_lists.datapoint_hit_list),
        ("PUT", "/datapoints/{id}/notes", datapoints.datapoint_notes_set),
        ("GET", "/datapoints/{id}/reports", top_reports.datapoint_report),
    ),
    *build_operations(
        "Groups",
        ("GET", "/groups", groups.group_list),
        ("POST", "/groups", groups.group_create),
        ("GET", "/groups/aggregated", aggregates.groups_aggregate),
        ("GET", "/groups/aggregated/list", aggregates.groups_aggregate_by_time),
        ("GET", "/groups/count", groups.group_count),
        ("DELETE", "/groups/{id}", groups.group_delete),
        ("GET", "/groups/{id}", groups.group_get),
        ("POST", "/groups/{id}", groups.group_update),
        ("GET", "/groups/{id}/aggregated", aggregates.group_aggregate),
        ("GET", "/groups/{id}/aggregated/list", aggregates.group_aggregate_by_time),
        ("GET", "/groups/{id}/aggregated/summary", aggregates.group_summarize),
        ("GET", "/groups/{id}/datapoints", groups.group_datapoint_list),
        ("POST", "/groups/{id}/datapoints", groups.group_datapoint_create),
        ("GET", "/groups/{id}/datapoints/count", groups.group_datapoints_count),
        ("PUT", "/groups/{id}/favourite", groups.group_favourite_set),
        ("GET", "/groups/{id}/hits", hit_lists.group_hit_list),
        ("PUT", "/groups/{id}/notes", groups.group_notes_set),
        ("GET", "/groups/{id}/reports", top_reports.group_report),
    ),
    *build_operations(
        "Tags",
        ("GET", "/tags", tags.tag_list),
        ("POST", "/tags", tags.tag_create),
        ("GET", "/tags/count", tags.tag_count),
        ("DELETE", "/tags/{tagId}", tags.tag_delete),
        ("GET", "/tags/{tagId}", tags.tag_get),
        ("DELETE", "/tags/{tagId}/datapoints", tags.tag_datapoints_clear),
        ("GET", "/tags/{tagId}/datapoints", tags.tag_datapoint_list),
        ("GET", "/tags/{tagId}/datapoints/count", tags.tag_datapoints_count),
        ("PUT", "/tags/{tagId}/datapoints/patch", tags.tag_datapoints_patch),
        ("DELETE", "/tags/{tagId}/groups", tags.tag_groups_clear),
        ("GET", "/tags/{tagId}/groups", tags.tag_group_list),
        ("GET", "/tags/{tagId}/groups/count", tags.tag_groups_count),
        ("PUT", "/tags/{tagId}/groups/patch", tags.tag_groups_patch),
        ("PUT", "/tags/{tagId}/name", tags.tag_rename),
    ),
    *build_operations(
        "Conversions",
        ("GET", "/conversions", conversions.conversion_list),
        ("POST", "/conversions", conversions.conversion_create),
        ("GET", "/conversions/aggregated/list", aggregates.conversions_aggregate_by_time),
        ("GET", "/conversions/count", conversions.conversion_count),
        ("DELETE", "/conversions/{conversionId}", conversions.conversion_delete),
        ("GET", "/conversions/{conversionId}", conversions.conversion_get),
        ("POST", "/conversions/{conversionId}", conversions.conversion_update),
        ("GET", "/conversions/{conversionId}/aggregated", aggregates.conversion_aggregate),
        ("GET", "/conversions/{conversionId}/aggregated/list", aggregates.conversion_aggregate_by_time),
        ("GET", "/conversions/{conversionId}/datapoints", conversions.conversion_datapoint_list),
        ("PUT", "/conversions/{conversionId}/datapoints/batch/patch", conversions.conversion_patch_batch),
        ("GET", "/conversions/{conversionId}/datapoints/count", conversions.conversion_datapoints_count),
        ("PUT", "/conversions/{conversionId}/datapoints/patch", conversions.conversion_patch),
        ("GET", "/conversions/{conversionId}/hits", hit_lists.conversion_hit_list),
        ("PUT", "/conversions/{conversionId}/notes", conversions.conversion_notes_set),
        ("GET", "/conversions/{conversionId}/reports", top_reports.conversion_report),
    ),
    *build_operations(
        "Domains",
        ("GET", "/domains", domains.domain_list),
        ("POST", "/domains", domains.domain_create),
        ("GET", "/domains/count", domains.domain_count),
        ("DELETE", "/domains/{id}", domains.domain_delete),
        ("GET", "/domains/{id}", domains.domain_get),
        ("POST", "/domains/{id}", domains.domain_update),
    ),
    *build_operations(
        "Retargeting",
        ("GET", "/retargeting", retargeting.script_list),
        ("POST", "/retargeting", retargeting.script_create),
        ("GET", "/retargeting/count", retargeting.script_count),
        ("DELETE", "/retargeting/{id}", retargeting.script_delete),
        ("GET", "/retargeting/{id}", retargeting.script_get),
        ("POST", "/retargeting/{id}", retargeting.script_update),
        ("GET", "/retargeting/{id}/datapoints", retargeting.script_datapoint_list),
        ("GET", "/retargeting/{id}/datapoints/count", retargeting.script_datapoints_count),
    ),
    *build_operations(
        "Account",
        ("GET", "/account", account.account_get),
        ("POST", "/account", account.account_update),
        ("GET", "/account/domainwhitelist", account.entry_list(ListKind.WHITELIST)),
        ("POST", "/account/domainwhitelist", account.entry_create(ListKind.WHITELIST)),
        ("DELETE", "/account/domainwhitelist/{whitelistId}", account.entry_delete(ListKind.WHITELIST)),
        ("GET", "/account/guests", guests.guest_list),
        ("POST", "/account/guests", guests.guest_create),
        ("GET", "/account/guests/count", guests.guest_count),
        ("DELETE", "/account/guests/{guestId}", guests.guest_delete),
        ("GET", "/account/guests/{guestId}", guests.guest_get),
        ("POST", "/account/guests/{guestId}", guests.guest_update),
        ("GET", "/account/guests/{guestId}/permissions", guests.permission_list),
        ("GET", "/account/guests/{guestId}/permissions/count", guests.permission_count),
        ("POST", "/account/guests/{guestId}/{type}/permissions/patch", guests.permission_patch),
        ("PUT", "/account/guests/{guestId}/{type}/permissions/patch", guests.permission_patch),
        ("GET", "/account/ipblacklist", account.entry_list(ListKind.BLACKLIST)),
        ("POST", "/account/ipblacklist", account.entry_create(ListKind.BLACKLIST)),
        ("DELETE", "/account/ipblacklist/{blacklistId}", account.entry_delete(ListKind.BLACKLIST)),
        ("GET", "/account/plan", account.plan_get),
    ),
    *build_operations("Me", ("GET", "/me", account.account_get), ("GET", "/me/plan", account.plan_get)),
    *build_operations(
        "Aggregated",
        ("GET", "/aggregated", aggregates.datapoints_aggregate),
        ("GET", "/aggregated/list", aggregates.account_aggregate_by_time),
        ("GET", "/aggregated/summary/conversions", aggregates.conversions_summarize),
        ("GET", "/aggregated/summary/datapoints", aggregates.datapoints_summarize),
        ("GET", "/aggregated/summary/groups", aggregates.groups_summarize),
    ),
    *build_operations("Reports", ("GET", "/reports", top_reports.overall_report)),
    *build_operations("ClickStream", ("GET", "/clickstream", hit_lists.clickstream_list)),
    *build_operations("Hits", ("GET", "/hits", hit_lists.hit_list)),
)


def group_by_tag() -> list[tuple[str, list[Operation]]]:
    """Group all operations by their tags, in the order of the table."""
    names = dict.fromkeys(operation.tag for operation in OPERATIONS)
    return [(name, [operation for operation in OPERATIONS if operation.tag == name]) for name in names]
