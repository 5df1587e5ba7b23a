"""The table of all operations: method, path, and the action of a view. Routes, documentation and contract tests are
derived from it."""

from __future__ import annotations

import re
from typing import NamedTuple

from links.clickmeter.account import AccountViews, BlacklistViews, EntryViews, PlanViews
from links.clickmeter.actions import ENTITY_PARAMETERS, ORDER_PARAMETERS, PAGE_PARAMETERS, TIME_PARAMETERS
from links.clickmeter.api_view import OperationViews
from links.clickmeter.conversions import ConversionViews
from links.clickmeter.datapoints import DatapointViews
from links.clickmeter.domains import DomainViews
from links.clickmeter.groups import GroupViews
from links.clickmeter.guests import GuestViews
from links.clickmeter.measured_views import AccountStatisticsViews
from links.clickmeter.retargeting import ScriptViews
from links.clickmeter.tags import TagViews

DATAPOINTS_SUMMARY = (
    f"timeFrame type fromDay toDay status tag favourite {ORDER_PARAMETERS} {PAGE_PARAMETERS} groupId textSearch"
)
PARAMETER = re.compile(r"\{(\w+)\}")


class Operation(NamedTuple):
    """One operation; the `action` of its views, which are those of its path, returns the JSON of a 200.

    `name` and `parameters` replace those of the action (`actions.py`) in the description.
    """

    method: str
    path: str
    action: str
    views: type[OperationViews]
    tag: str
    name: str = ""
    parameters: str = ""


def build_operations(tag: str, views: type[OperationViews], *rows: tuple[str, ...]) -> tuple[Operation, ...]:
    return tuple(Operation(method, path, action, views, tag, *name) for method, path, action, *name in rows)


OPERATIONS: tuple[Operation, ...] = (
    *build_operations(
        "DataPoints",
        DatapointViews,
        ("GET", "/datapoints", "list"),
        ("POST", "/datapoints", "create"),
        ("GET", "/datapoints/aggregated", "aggregate_all"),
        ("GET", "/datapoints/aggregated/list", "aggregate_all_by_time"),
        ("DELETE", "/datapoints/batch", "delete_batch"),
        ("POST", "/datapoints/batch", "update_batch"),
        ("PUT", "/datapoints/batch", "create_batch"),
        ("GET", "/datapoints/count", "count"),
        ("DELETE", "/datapoints/{id}", "destroy"),
        ("GET", "/datapoints/{id}", "retrieve"),
        ("POST", "/datapoints/{id}", "update"),
        ("GET", "/datapoints/{id}/aggregated", "aggregate"),
        ("GET", "/datapoints/{id}/aggregated/list", "aggregate_by_time"),
        ("PUT", "/datapoints/{id}/favourite", "toggle_favourite"),
        ("GET", "/datapoints/{id}/hits", "hits"),
        ("PUT", "/datapoints/{id}/notes", "set_notes"),
        ("GET", "/datapoints/{id}/reports", "report", "", "report timeframe fromDay toDay"),
    ),
    *build_operations(
        "Groups",
        GroupViews,
        ("GET", "/groups", "list"),
        ("POST", "/groups", "create"),
        ("GET", "/groups/aggregated", "aggregate_all"),
        ("GET", "/groups/aggregated/list", "aggregate_all_by_time"),
        ("GET", "/groups/count", "count"),
        ("DELETE", "/groups/{id}", "destroy"),
        ("GET", "/groups/{id}", "retrieve"),
        ("POST", "/groups/{id}", "update"),
        ("GET", "/groups/{id}/aggregated", "aggregate"),
        ("GET", "/groups/{id}/aggregated/list", "aggregate_by_time"),
        ("GET", "/groups/{id}/aggregated/summary", "summarize_datapoints"),
        ("GET", "/groups/{id}/datapoints", "datapoints"),
        ("POST", "/groups/{id}/datapoints", "create_datapoint"),
        ("GET", "/groups/{id}/datapoints/count", "count_datapoints"),
        ("PUT", "/groups/{id}/favourite", "toggle_favourite"),
        ("GET", "/groups/{id}/hits", "hits"),
        ("PUT", "/groups/{id}/notes", "set_notes"),
        ("GET", "/groups/{id}/reports", "report"),
    ),
    *build_operations(
        "Tags",
        TagViews,
        ("GET", "/tags", "list"),
        ("POST", "/tags", "create"),
        ("GET", "/tags/count", "count"),
        ("DELETE", "/tags/{tagId}", "destroy"),
        ("GET", "/tags/{tagId}", "retrieve"),
        ("DELETE", "/tags/{tagId}/datapoints", "clear_datapoints"),
        ("GET", "/tags/{tagId}/datapoints", "datapoints"),
        ("GET", "/tags/{tagId}/datapoints/count", "count_datapoints"),
        ("PUT", "/tags/{tagId}/datapoints/patch", "patch_datapoint"),
        ("DELETE", "/tags/{tagId}/groups", "clear_groups"),
        ("GET", "/tags/{tagId}/groups", "groups"),
        ("GET", "/tags/{tagId}/groups/count", "count_groups"),
        ("PUT", "/tags/{tagId}/groups/patch", "patch_group"),
        ("PUT", "/tags/{tagId}/name", "rename"),
    ),
    *build_operations(
        "Conversions",
        ConversionViews,
        ("GET", "/conversions", "list"),
        ("POST", "/conversions", "create"),
        ("GET", "/conversions/aggregated/list", "aggregate_all_by_time"),
        ("GET", "/conversions/count", "count"),
        ("DELETE", "/conversions/{conversionId}", "destroy"),
        ("GET", "/conversions/{conversionId}", "retrieve"),
        ("POST", "/conversions/{conversionId}", "update"),
        ("GET", "/conversions/{conversionId}/aggregated", "aggregate", "", f"{TIME_PARAMETERS} tag favourite hourly"),
        ("GET", "/conversions/{conversionId}/aggregated/list", "aggregate_by_time"),
        ("GET", "/conversions/{conversionId}/datapoints", "datapoints"),
        ("PUT", "/conversions/{conversionId}/datapoints/batch/patch", "patch_datapoints"),
        ("GET", "/conversions/{conversionId}/datapoints/count", "count_datapoints"),
        ("PUT", "/conversions/{conversionId}/datapoints/patch", "attach_datapoint"),
        ("GET", "/conversions/{conversionId}/hits", "hits"),
        ("PUT", "/conversions/{conversionId}/notes", "set_notes"),
        ("GET", "/conversions/{conversionId}/reports", "report"),
    ),
    *build_operations(
        "Domains",
        DomainViews,
        ("GET", "/domains", "list"),
        ("POST", "/domains", "create"),
        ("GET", "/domains/count", "count"),
        ("DELETE", "/domains/{id}", "destroy"),
        ("GET", "/domains/{id}", "retrieve"),
        ("POST", "/domains/{id}", "update", "Update"),
    ),
    *build_operations(
        "Retargeting",
        ScriptViews,
        ("GET", "/retargeting", "list"),
        ("POST", "/retargeting", "create"),
        ("GET", "/retargeting/count", "count"),
        ("DELETE", "/retargeting/{id}", "destroy"),
        ("GET", "/retargeting/{id}", "retrieve"),
        ("POST", "/retargeting/{id}", "update"),
        ("GET", "/retargeting/{id}/datapoints", "datapoints"),
        ("GET", "/retargeting/{id}/datapoints/count", "count_datapoints"),
    ),
    *build_operations("Account", AccountViews, ("GET", "/account", "retrieve", "Get"), ("POST", "/account", "update")),
    *build_operations(
        "Account",
        EntryViews,
        ("GET", "/account/domainwhitelist", "list", "GetDomainWhitelist"),
        ("POST", "/account/domainwhitelist", "create", "PutDomainWhitelist"),
        ("DELETE", "/account/domainwhitelist/{whitelistId}", "destroy", "DeleteDomainWhitelist"),
    ),
    *build_operations(
        "Account",
        GuestViews,
        ("GET", "/account/guests", "list", "GetGuests"),
        ("POST", "/account/guests", "create", "PutGuest"),
        ("GET", "/account/guests/count", "count", "GetGuestsCount"),
        ("DELETE", "/account/guests/{guestId}", "destroy", "DeleteGuest"),
        ("GET", "/account/guests/{guestId}", "retrieve", "GetGuest"),
        ("POST", "/account/guests/{guestId}", "update", "PostGuest"),
        ("GET", "/account/guests/{guestId}/permissions", "permissions"),
        ("GET", "/account/guests/{guestId}/permissions/count", "count_permissions"),
        ("POST", "/account/guests/{guestId}/{type}/permissions/patch", "patch_permission", "PatchPermissionsPost"),
        ("PUT", "/account/guests/{guestId}/{type}/permissions/patch", "patch_permission"),
    ),
    *build_operations(
        "Account",
        BlacklistViews,
        ("GET", "/account/ipblacklist", "list", "GetIpBlacklist"),
        ("POST", "/account/ipblacklist", "create", "PutIpBlacklist"),
        ("DELETE", "/account/ipblacklist/{blacklistId}", "destroy", "DeleteIpBlacklist"),
    ),
    *build_operations("Account", PlanViews, ("GET", "/account/plan", "retrieve", "GetPlan")),
    *build_operations("Me", AccountViews, ("GET", "/me", "retrieve", "GetMe")),
    *build_operations("Me", PlanViews, ("GET", "/me/plan", "retrieve", "GetMePlan")),
    *build_operations(
        "Aggregated",
        DatapointViews,
        ("GET", "/aggregated", "aggregate_all", "GetStatisticsSingle", "timeFrame fromDay toDay hourly onlyFavorites"),
        ("GET", "/aggregated/summary/datapoints", "summarize_all", "GetDatapointsSummary", DATAPOINTS_SUMMARY),
    ),
    *build_operations("Aggregated", AccountStatisticsViews, ("GET", "/aggregated/list", "aggregate_by_time")),
    *build_operations(
        "Aggregated",
        ConversionViews,
        ("GET", "/aggregated/summary/conversions", "summarize_all", "GetConversionsSummary"),
    ),
    *build_operations(
        "Aggregated", GroupViews, ("GET", "/aggregated/summary/groups", "summarize_all", "GetGroupsSummary")
    ),
    *build_operations(
        "Reports",
        AccountStatisticsViews,
        ("GET", "/reports", "report", "Get", f"report timeframe hittype {ENTITY_PARAMETERS} fromDay toDay"),
    ),
    *build_operations("ClickStream", AccountStatisticsViews, ("GET", "/clickstream", "clickstream")),
    *build_operations("Hits", AccountStatisticsViews, ("GET", "/hits", "hits")),
)


def group_by_tag() -> list[tuple[str, list[Operation]]]:
    """Group all operations by their tags, in the order of the table."""
    names = dict.fromkeys(operation.tag for operation in OPERATIONS)
    return [(name, [operation for operation in OPERATIONS if operation.tag == name]) for name in names]
