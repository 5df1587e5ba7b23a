"""Which members of ClickMeter's requests refer to objects, read from the operations' table and the description.

A member is written as clients write it: `groupId`, `typeTL.scripts[].id`; a parameter of the query as `?tags`, one of
the address as `/{id}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from links.clickmeter.description import load_description
from links.clickmeter.operations import Operation

ADDRESSES = {
    "/datapoints": "link", "/groups": "group", "/tags": "tag", "/conversions": "sale", "/domains": "domain",
    "/retargeting": "script", "/account/guests": "guest",
}  # fmt: skip
# Parameters and members that name something: what they name
NAMING_QUERY = {
    "tag": "tag", "tags": "tag", "datapoints": "link", "groups": "group", "group": "group", "datapoint": "link",
    "conversion": "sale", "groupId": "group", "entityId": "link",
}  # fmt: skip
NAMING_BODY = {
    "groupId": "group", "firstConversionId": "sale", "secondConversionId": "sale", "thirdConversionId": "sale",
    "fourthConversionId": "sale", "fifthConversionId": "sale", "tags[].id": "tag", "tags[].name": "tag name",
    "tags[]": "tag", "tags[] ": "tag name", "typeTL.domainId": "domain", "domainId": "domain",
    "typeTL.goDomainId": "domain", "typeTL.scripts[].id": "script", "typeTL.scripts[]": "script",
    "Entities[].id": "link", "ReplaceId": "sale",
}  # fmt: skip
# Clients send these although the description has no word of them
UNDESCRIBED_BODY = ("tags[]", "tags[] ", "tags[].datapoints[]", "tags[].groups[]", "domainId", "typeTL.scripts[]")
UNDESCRIBED_QUERY = {"/hits": ("datapoint", "group", "conversion")}
# What the body's own `id` names, where the operation looks at it
NAMING_ID = {
    ("POST", "/datapoints/batch"): "link", ("PUT", "/tags/{tagId}/datapoints/patch"): "link",
    ("PUT", "/tags/{tagId}/groups/patch"): "group", ("PUT", "/conversions/{conversionId}/datapoints/patch"): "link",
    ("PUT", "/conversions/{conversionId}/datapoints/batch/patch"): "link",
}  # fmt: skip
# Members that only this operation reads
NAMING_HERE = {("POST", "/tags"): {"datapoints[]": "link", "groups[]": "group"}}
# Members the server writes itself and never reads: they name something, and naming it must do nothing
UNREAD_BODY = {
    "id": "link", "tags[].datapoints[]": "link", "tags[].groups[]": "group", "datapoints[]": "link",
    "groups[]": "group", "groupId": "group", "Entities[].uri": "link",
    "currentGrant.Entity.id": "group", "currentGrant.Entity.uri": "group",
}  # fmt: skip
PLAIN_QUERY = frozenset({
    "offset", "limit", "sortBy", "sortDirection", "textSearch", "entityType", "type", "timeFrame", "timeframe",
    "fromDay", "toDay", "hourly", "onlyFavorites", "groupBy", "status", "favourite", "pageSize", "filter",
    "createdAfter", "createdBefore", "hittype", "name", "write",
})  # fmt: skip
PLAIN_BODY = frozenset({
    "boGoVal", "bonusClicks", "companyName", "companyRole", "email", "firstName", "lastName", "phone", "redirectOnly",
    "registrationDate", "timeframeMinDate", "timezone", "timezonename", "name", "ip", "apiKey",
    "conversionOptions.hideComCost", "conversionOptions.hideCost", "conversionOptions.hideCount",
    "conversionOptions.hideParams", "conversionOptions.hideValue", "conversionOptions.percentCommission",
    "conversionOptions.percentValue", "creationDate", "currentGrant.DatapointType", "currentGrant.EntityName",
    "currentGrant.EntityType", "currentGrant.Type", "dateFormat", "decimalSeparator", "extendedGrants.allowAllGrants",
    "extendedGrants.allowGroupCreation", "groupGrants", "hitOptions.hideReferrer", "key", "language", "loginCount",
    "notes", "numberGroupSeparator", "password", "timeFormat", "timeZone", "tlGrants", "tpGrants", "userName", "Action",
    "Verb", "code", "deleted", "description", "protocol", "value", "Text", "encodeIp", "fifthConversionName",
    "firstConversionName", "fourthConversionName", "groupName", "isPublic", "isSecured", "lightTracking", "preferred",
    "secondConversionName", "status", "thirdConversionName", "title", "trackingCode", "type", "typeTL.appendQuery",
    "typeTL.browserDestinationItem.emailDestinationUrl", "typeTL.browserDestinationItem.mobileDestinationUrl",
    "typeTL.browserDestinationItem.spidersDestinationUrl", "typeTL.destinationMode", "typeTL.encodeUrl",
    "typeTL.expirationClicks", "typeTL.expirationDate", "typeTL.firstUrl", "typeTL.hideUrl", "typeTL.hideUrlTitle",
    "typeTL.isABTest", "typeTL.password", "typeTL.pauseAfterClicksExpiration", "typeTL.pauseAfterDateExpiration",
    "typeTL.randomDestinationItems[].url", "typeTL.redirectType", "typeTL.referrerClean", "typeTL.scripts[].name",
    "typeTL.sequentialDestinationItems[].url", "typeTL.spilloverDestinationItems[].url",
    "typeTL.uniqueDestinationItem.firstDestinationUrl", "typeTL.url", "typeTL.urlAfterClicksExpiration",
    "typeTL.urlAfterDateExpiration", "typeTL.urlsByLanguage[].languageCode", "typeTL.urlsByLanguage[].url",
    "typeTL.urlsByNation[].nation", "typeTL.urlsByNation[].url", "typeTL.weightedDestinationItems[].url",
    "typeTL.weightedDestinationItems[].weight", "typeTP.parameterNote", "writePermited", "custom404", "customHomepage",
    "script",
})  # fmt: skip


def resolve_schema(schema: Any) -> Any:
    while "$ref" in schema:
        found: Any = load_description()
        for part in schema["$ref"].split("/")[1:]:
            found = found[part]
        schema = found
    return schema


def list_leaves(schema: Any, before: str = "") -> Iterator[str]:
    """Every member of a body that holds a value, nested ones included."""
    schema = resolve_schema(schema)
    if schema.get("type") == "array":
        yield from list_leaves(schema["items"], f"{before}[]")
    elif schema.get("properties"):
        for name, inner in schema["properties"].items():
            yield from list_leaves(inner, f"{before}.{name}" if before else name)
    else:
        yield before


def find_description(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = load_description()["paths"][operation.path][operation.method.lower()]
    return found


def list_query_parameters(operation: Operation) -> list[str]:
    """The names of the query's parameters."""
    rows = [resolve_schema(row) for row in find_description(operation).get("parameters", [])]
    named = [row["name"] for row in rows if row["in"] == "query"]
    return [*named, *UNDESCRIBED_QUERY.get(operation.path, ())]


def list_members(operation: Operation) -> list[str]:
    """The members of the body; those of a batch's items without the batch's own name before them."""
    body = find_description(operation).get("requestBody")
    if body is None:
        return []
    content = resolve_schema(body)["content"]
    found = list(list_leaves((content.get("application/json") or next(iter(content.values())))["schema"]))
    found = [name.removeprefix("List[].").removeprefix("PatchRequests[].") for name in found]
    return [*found, *(UNDESCRIBED_BODY if "typeTL.url" in found else ())]


def reads_group(operation: Operation) -> bool:
    """Whether `groupId` counts: not where the address names the group."""
    return operation.path != "/groups/{id}/datapoints"


def list_naming_members(operation: Operation) -> list[tuple[str, str]]:
    """(member, what it names) of everything the operation reads."""
    found = [(f"/{{{part.partition('}')[0]}}}", "") for part in operation.path.split("{")[1:]]
    found = [(name, "listed" if "list" in name else "place") for name, _ in found if name != "/{type}"]
    found += [(f"?{name}", NAMING_QUERY[name]) for name in list_query_parameters(operation) if name in NAMING_QUERY]
    key = (operation.method, operation.path)
    for name in list_members(operation):
        if name.lower() == "id" and key in NAMING_ID:
            found.append((name, NAMING_ID[key]))
        elif name in NAMING_HERE.get(key, {}):
            found.append((name, NAMING_HERE[key][name]))
        elif name == "Id":  # of a permission; what it names is in the address
            found.append((name, "group"))
        elif name in NAMING_BODY and (name != "groupId" or reads_group(operation)):
            found.append((name, NAMING_BODY[name]))
    return found


def list_ignored_members(operation: Operation) -> list[tuple[str, str]]:
    """(member, what it names) of what the operation must leave alone."""
    read = {name for name, _ in list_naming_members(operation)}
    return [(name, UNREAD_BODY[name]) for name in list_members(operation) if name in UNREAD_BODY and name not in read]


def list_undeclared_members(operation: Operation) -> list[str]:
    """Parameters and members nobody has said of whether they name something."""
    known_body = {*PLAIN_BODY, *NAMING_BODY, *UNREAD_BODY, "id", "Id"}
    found = [
        f"?{name}" for name in list_query_parameters(operation) if name not in PLAIN_QUERY and name not in NAMING_QUERY
    ]
    return found + [name for name in list_members(operation) if name not in known_body]


def place_value(body: dict[str, Any], member: str, value: Any) -> dict[str, Any]:
    """The body with this member, and only it, changed: `typeTL.scripts[].id` becomes {typeTL: {scripts: [{id}]}}."""
    name, dot, rest = member.strip().partition(".")
    listed, name = name.endswith("[]"), name.removesuffix("[]")
    inner = place_value({} if listed else dict(body.get(name) or {}), rest, value) if dot else value
    return {**body, name: [inner] if listed else inner}
