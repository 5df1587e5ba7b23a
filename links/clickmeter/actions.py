"""The table of actions: how an operation of each is called and described, what it reads and what it answers."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from links.clickmeter import answers, patches
from links.clickmeter.answers import LinkReferenceSerializer
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.serializers import DatapointSerializer

SerializerClass: TypeAlias = type[LenientSerializer] | None


class Action(NamedTuple):
    """What the operations of an action have in common.

    `name` is the second part of their ids; `{view.…}` in summary and parameters is an attribute of the views.
    Parameters are named as in PARAMETERS. `answer` is what is written, on a page (`is_page`) for each row; without it,
    what the views' own serializer writes. `body` is what is read, with `body_is_row` what the own serializer reads.
    """

    name: str
    summary: str
    answer: SerializerClass = LinkReferenceSerializer
    parameters: str = ""
    body: SerializerClass = None
    is_page: bool = False
    body_is_row: bool = False


TIME_PARAMETERS, PAGE_PARAMETERS, ORDER_PARAMETERS = "timeFrame fromDay toDay", "offset limit", "sortBy sortDirection"
SUMMARY_PARAMETERS = f"{TIME_PARAMETERS} {{view.narrowing}} {ORDER_PARAMETERS} {PAGE_PARAMETERS} textSearch"
ENTITY_PARAMETERS = "group datapoint conversion"
HITS_PARAMETERS = "timeframe limit lastKey fromDay toDay filter"

ACTIONS = {
    "list": Action("Get", "List {view.nouns}", parameters=f"{PAGE_PARAMETERS} {{view.filters}}",
                   is_page=True),
    "count": Action("Count", "Count {view.nouns}", answers.RowCountSerializer, "{view.filters}"),
    "create": Action("Put", "Create a {view.what}", body_is_row=True),
    "retrieve": Action("GetItem", "Retrieve a {view.what}", None),
    "update": Action("Post", "Change a {view.what}", body_is_row=True),
    "destroy": Action("Delete", "Delete a {view.what}"),
    "set_notes": Action("PatchNotes", "Change the notes of a {view.what}", body=patches.TextPatchSerializer),
    "toggle_favourite": Action("PatchFavourite", "Toggle whether a {view.what} is a favourite"),
    "rename": Action("PatchTagName", "Rename a {view.what}", body=patches.TextPatchSerializer),
    # Batches
    "create_batch": Action("BatchPut", "Create several {view.nouns}", patches.BatchAnswerSerializer,
                           body=patches.DatapointBatchSerializer),
    "update_batch": Action("BatchPost", "Change several {view.nouns}", patches.BatchAnswerSerializer,
                           body=patches.DatapointBatchSerializer),
    "delete_batch": Action("BatchDelete", "Delete several {view.nouns}", patches.BatchAnswerSerializer,
                           body=patches.DeleteBatchSerializer),
    # Numbers
    "aggregate_all": Action("GetStatisticsAggregatedSingle", "Aggregate {view.nouns}",
                            answers.HourlyAggregateSerializer,
                            "timeFrame {view.kinds} fromDay toDay hourly {view.narrowing}"),
    "aggregate_all_by_time": Action("GetStatisticsAllList", "Aggregate {view.nouns} by day, week or month",
                                    answers.AggregateListSerializer,
                                    f"{{view.kinds}} {TIME_PARAMETERS} {{view.narrowing}} groupBy"),
    "aggregate": Action("GetStatisticsSingle", "Aggregate a {view.what}", answers.HourlyAggregateSerializer,
                        f"{TIME_PARAMETERS} hourly"),
    "aggregate_by_time": Action("GetStatisticsList", "Aggregate a {view.what} by day, week or month",
                                answers.AggregateListSerializer, f"{TIME_PARAMETERS} groupBy"),
    "summarize_all": Action("GetSummary", "Aggregate each of several {view.nouns}", answers.AggregatePageSerializer,
                            SUMMARY_PARAMETERS),
    "summarize_datapoints": Action("GetDatapointsSummary", "Aggregate each link of a {view.what}",
                                   answers.AggregatePageSerializer,
                                   f"timeFrame type fromDay toDay status tag favourite {ORDER_PARAMETERS} "
                                   f"{PAGE_PARAMETERS} textSearch"),
    "report": Action("GetTops", "List the top values of a dimension by hits of a {view.what}",
                     answers.TopReportSerializer, "report timeframe hittype fromDay toDay"),
    "hits": Action("GetHits", "List the hits of a {view.what}", answers.HitPageSerializer, HITS_PARAMETERS),
    "clickstream": Action("Get", "List the latest hits", answers.HitListSerializer,
                          f"{ENTITY_PARAMETERS} pageSize filter"),
    # Rows of a row
    "datapoints": Action("GetDatapoints", "List the links of a {view.what}",
                         parameters=f"{PAGE_PARAMETERS} {{view.link_filters}}", is_page=True),
    "count_datapoints": Action("GetDatapointsCount", "Count the links of a {view.what}", answers.RowCountSerializer,
                               "{view.link_filters}"),
    "create_datapoint": Action("PutDatapoint", "Create a link in a {view.what}", body=DatapointSerializer),
    "clear_datapoints": Action("DeleteRelatedDatapoints", "Remove a {view.what} from all links"),
    "patch_datapoint": Action("PatchDataPoint", "Add a {view.what} to a link, or remove it",
                              body=patches.PatchSerializer),
    "attach_datapoint": Action("Patch", "Attach a {view.what} to a link, or detach it",
                               body=patches.ConversionPatchSerializer),
    "patch_datapoints": Action("PatchBatch", "Add a {view.what} to several links, or remove it",
                               body=patches.PatchBatchSerializer),
    "groups": Action("GetGroups", "List the groups of a {view.what}",
                     parameters=f"{PAGE_PARAMETERS} status textSearch createdAfter createdBefore", is_page=True),
    "count_groups": Action("GetGroupsCount", "Count the groups of a {view.what}", answers.RowCountSerializer,
                           "status textSearch createdAfter createdBefore"),
    "clear_groups": Action("DeleteRelatedGroups", "Remove a {view.what} from all groups"),
    "patch_group": Action("PatchGroup", "Add a {view.what} to a group, or remove it", body=patches.PatchSerializer),
    "permissions": Action("GetPermissions", "List the rights of a {view.what}", answers.GrantedRightSerializer,
                          f"entityType {PAGE_PARAMETERS} grantType entityId", is_page=True),
    "count_permissions": Action("GetPermissionsCount", "Count the rights of a {view.what}",
                                answers.RowCountSerializer, "entityType grantType entityId"),
    "patch_permission": Action("PatchPermissions", "Give a {view.what} a right, or take it away",
                               body=patches.PermissionPatchSerializer),
}  # fmt: skip
