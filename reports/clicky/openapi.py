"""The OpenAPI description of the dialect, drawn from the types, parameters and filters that it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.plumbing import build_array_type, build_object_type
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view

from reports.clicky.filters import FILTERS
from reports.clicky.outputs import RENDERERS, DateEntry, TypeBlock, build_json_block
from reports.clicky.stats_request import FLAGS, PARAMETERS
from reports.clicky.types import SEGMENTATION, STATS_TYPES, TYPES

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
TYPE_LIST = build_array_type({"type": "string", "enum": [*TYPES, SEGMENTATION]})
SCHEMAS: dict[str, Schema] = {
    "site_id": {"type": "integer"}, "type": TYPE_LIST, "segments": TYPE_LIST,
    "output": {"type": "string", "enum": [*RENDERERS], "default": "xml"},
    **{name: {"type": "string", "enum": ["0", "1"]} for name in FLAGS},
}  # fmt: skip
KEYS = {"sitekey", "sitekey_admin"}  # in the URL these are the security scheme
SECURITY_SCHEMES: Schema = {name: {"type": "apiKey", "in": "query", "name": name} for name in ("auth", "sitekey")}
FILTER_MEANINGS = dict.fromkeys(FILTERS, "A filter of lists and segmentation") | {
    "custom": "A filter of lists and segmentation: key,value. Also custom[key]=value"
}
DATE = build_object_type({"date": TEXT, "items": build_array_type({"type": "object", "additionalProperties": True})})
STATS = build_array_type(build_object_type({"type": TEXT, "error": TEXT, "dates": build_array_type(DATE)}))
SITES = build_array_type({"type": "object", "additionalProperties": TEXT})
ERROR = build_array_type(build_object_type({"error": TEXT}))
MEDIA_TYPES = ("application/json", "text/xml", "text/plain", "text/csv", "application/javascript")
EXAMPLES = [
    OpenApiExample(
        row.name,
        [build_json_block(TypeBlock(row.name, [DateEntry("2026-03-01", row.build_example())]))],
        response_only=True,
        status_codes=["200"],
    )
    for row in STATS_TYPES
]


def describe_view(
    name: str, summary: str, meanings: dict[str, str], required: Sequence[str], responses: object, **extra: Any
) -> Callable[..., object]:
    """Return the decorator that describes a view: its parameters in the URL by GET, and as a form by POST."""
    properties = {key: {**SCHEMAS.get(key, TEXT), "description": meaning} for key, meaning in meanings.items()}
    form = {"application/x-www-form-urlencoded": build_object_type(properties, required=[*required])}
    parameters = [
        OpenApiParameter(key, SCHEMAS.get(key, TEXT), required=key in required, description=meaning, explode=False)
        for key, meaning in meanings.items()
        if key not in KEYS
    ]
    parameters += [OpenApiParameter("format", exclude=True), *extra.pop("parameters", ())]
    shared = {"summary": summary, "responses": responses, **extra}
    return extend_schema_view(
        get=extend_schema(operation_id=name, parameters=parameters, **shared),
        post=extend_schema(operation_id=f"{name}_form", request=form, **{**shared, "auth": [{}]}),
    )


def build_responses(schema: Schema) -> dict[object, object]:
    """Return the responses in each output; errors that have a status are a sentence in the same formats."""
    return {
        (status, media_type): body if media_type == "application/json" else TEXT
        for status, body in ((200, schema), (429, ERROR), (503, ERROR))
        for media_type in MEDIA_TYPES
    }


describe_stats = describe_view(
    "stats",
    "One or more reports of a site",
    PARAMETERS | FILTER_MEANINGS,
    ("site_id", "type"),
    build_responses(STATS),
    description='An error is `[{"error": sentence}]` with status 200; only 429 and 503 have statuses of their own.',
    examples=EXAMPLES,
    auth=[{"sitekey": []}],
)
describe_account_sites = describe_view(
    "account_sites",
    "The sites of a user, with their keys",
    {"username": "The e-mail", "password": "The password", "output": PARAMETERS["output"]},
    ("username", "password"),
    build_responses(SITES),
    auth=[{}],
)
WHITELABEL_OPERATIONS = {
    "sites": "the sites with their keys",
    "usage": "this month's page views, of one site or of all",
    "sites/create": "by hostname; site_id, sitekey and sitekey_admin",
    "sites/update": "hostname, nickname or timezone",
    "sites/delete": "its statistics are deleted later",
    "sites/move": "from one guest to another one",
    "users/find": "by user_id or username; both",
    "users/create": "invites a guest to the site; a link to pass on if no mail could be sent",
    "users/delete": "removes a user from the account",
    "goals": "a line for each goal of the site: goal_id and name",
    "goals/create": "views of the pages in href, without it what scripts send; goal_id",
    "goals/update": "name, href or revenue",
    "goals/delete": "a goal; its conversions count again when it is created anew",
}
WHITELABEL_PARAMETERS = {
    "site_id": "a site",
    "hostname": "of the site",
    "nickname": "of the site",
    "timezone": "of the site, such as Europe/Tallinn",
    "user_id": "a user; the one who gets the site",
    "from_user_id": "the user who had the site",
    "username": "the e-mail address of a user",
    "admin": "1: the user may change the site",
    "goal_id": "a goal",
    "name": "of the goal",
    "href": "the path of the goal's page, * for anything",
    "revenue": "what a conversion is worth; empty: what its event says",
}
describe_whitelabel = describe_view(
    "whitelabel",
    "Sites, goals and users of an account, by its key",
    WHITELABEL_PARAMETERS,
    (),
    {(200, "text/xml"): TEXT, (200, "text/plain"): TEXT},
    parameters=[OpenApiParameter("operation", location="path", enum=[*WHITELABEL_OPERATIONS])],
    description="`sites` answers XML, all others lines of text: OK and what is listed here, or NOK, a number and a "
    "sentence. " + " ".join(f"`{name}`: {meaning}." for name, meaning in WHITELABEL_OPERATIONS.items()),
    auth=[{"auth": []}],
)
