"""The documented APIs: every id in a parameter or body × every caller who may not fetch it, by session and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.models import Membership
from reports.query import filters
from reports.query.errors import QueryRefused
from sites import site_cache
from sites.services import api_key_create
from tests.permissions import callers, source_search
from tests.permissions.request_bodies import BODIES, NOTHING
from tests.permissions.routes import (
    IDS,
    OPERATORS_ROWS,
    ROUTES,
    V1,
    WORDS,
    S,
    build_path,
    build_values,
    list_ids,
)
from tests.permissions.tenants import NOBODYS, Things, World
from tests.permissions.test_id_fields import foreign
from tests.permissions.test_paths import assert_refused, methods, own_values
from tests.support.database import rolled_back

MEMBERS, MEMBER, SITE = f"POST {V1}members", f"PATCH {V1}members/<int:member_id>", f"{V1}{S}"
INVITE = f"POST {V1}invitations"
# Members of bodies and parameters that carry ids, as the description calls them
GRANTS = {f"{MEMBERS} grants.id": MEMBERS, f"{MEMBER} grants.id": MEMBER, f"{INVITE} grants.id": INVITE}
QUESTION = "POST api/query filters.value"  # and what else a filter may be: NAMING
PERSON = {f"GET {SITE}/personal-data value", f"DELETE {SITE}/personal-data value"}
# Described as read-only: whatever is sent there is passed over. Every row has an id that its body may repeat
READ_ONLY = {
    *(
        f"{call} id"
        for call, body in BODIES.items()
        if call.startswith((f"POST {V1}", f"PATCH {V1}")) and body is not NOTHING
    ),
    f"POST {V1}sites account", f"PATCH {SITE} account", f"PATCH {V1}notices/<int:notice_id> account",
} - {
    f"{MEMBERS} id", f"{INVITE} id", f"PATCH {V1}brand id",
    f"POST {SITE}/bots/restore id", f"POST {SITE}/move id", f"POST {V1}brand/files/<slug:kind> id",
    f"POST {V1}site-templates id", f"POST {V1}site-templates/<int:template_id>/apply id",
    f"POST {V1}clients/<int:client_id>/sites id",
}  # fmt: skip


def build_link_body(more: dict[str, Any], field: str, many: bool, number: Any) -> dict[str, Any]:
    """The body of a link with that number in a field."""
    return {**more, field: [number] if many else number}


# (call, field) with ids in bodies, their kind, and the body that names one
NAMES: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    (f"POST {SITE}/funnels", "steps.goal"): (
        "goal", lambda number: {"name": "n", "steps": [{"page": "/a"}, {"goal": number}]}
    ),
    (f"PATCH {SITE}/funnels/<int:funnel_id>", "steps.goal"): (
        "goal", lambda number: {"steps": [{"page": "/a"}, {"goal": number}]}
    ),
    (f"POST {SITE}/alerts", "channels"): (
        "channel", lambda number: {"name": "n", "condition": "uptime", "channels": [number]}
    ),
    (f"PATCH {SITE}/alerts/<int:alert_id>", "channels"): ("channel", lambda number: {"channels": [number]}),
    **{
        (call, field): (kind, partial(build_link_body, more, field, many))
        for call, more in (
            (f"POST {V1}links", {"url": "https://a.example/"}), (f"PATCH {V1}links/<int:datapoint_id>", {}),
        )
        for field, kind, many in (
            ("group", "group", False), ("domain", "domain", False), ("conversions", "conversion", True),
            ("scripts", "script", True),
        )
        if (call, field) != (f"PATCH {V1}links/<int:datapoint_id>", "domain")
    },
    (f"POST {V1}site-templates", "site"): ("site", lambda number: {"name": "n", "site": number}),
    (f"POST {V1}site-templates/<int:template_id>/apply", "sites"): ("site", lambda number: {"sites": [number]}),
    (f"POST {SITE}/move", "account"): ("client", lambda number: {"account": number}),
    (f"POST {V1}exports", "site"): ("site", lambda number: {"kind": "report", "site": number, "table": "page"}),
    (f"POST {SITE}/shares", "segment"): ("segment", lambda number: {"name": "n", "segment": number}),
    (f"POST {V1}digests", "sites"): ("site", lambda number: {"sites": [number]}),
    (f"PATCH {V1}digests/<int:subscription_id>", "sites"): ("site", lambda number: {"sites": [number]}),
    (f"POST {SITE}/segments", "filter"): ("goal", lambda number: {"name": "n", "filter": [{"goal": number}]}),
    (f"PATCH {SITE}/segments/<int:segment_id>", "filter"): ("goal", lambda number: {"filter": [{"goal": number}]}),
}  # fmt: skip
NO_IDS = {
    f"POST {V1}clients/<int:client_id>/sites sites": "new sites, whose members are known",
    f"POST {V1}clients/<int:client_id>/sites sites.domain": "a host name",
    f"POST {V1}sites domain": "a host name", f"PATCH {SITE} domain": "a host name",
    f"GET {V1}sites domain": "a text to find", f"GET {V1}sites account": "narrows the caller's own list",
    f"GET {V1}audit-log target_id": "narrows the caller's own list",
    f"{MEMBERS} grants": "a list, whose members are known", f"{MEMBER} grants": "a list, whose members are known",
    f"{INVITE} grants": "a list, whose members are known",
    f"GET {SITE}/incidents monitor": "narrows the site's own list",
    f"GET {V1}links group": "narrows the caller's own list",
    f"PATCH {V1}links/<int:datapoint_id> domain": "refused unless it is the one it has",
    **{
        f"{call} {name}": why
        for rows, one, names in (
            ("links", "/<int:datapoint_id>", (
                "expiration_clicks", "notes", "parameter_note", "pause_after_clicks", "tags", "url_after_clicks",
            )),
            ("link-groups", "/<int:group_id>", ("notes", "tags")),
            ("link-scripts", "/<int:script_id>", ("script",)),
        )
        for call in (f"POST {V1}{rows}", f"PATCH {V1}{rows}{one}")
        for name, why in ((name, "a text, number or flag; tags are named by their words") for name in names)
    },
    **dict.fromkeys((
        f"POST {SITE}/goals conversion", f"PATCH {SITE}/goals/<int:goal_id> conversion", f"GET {SITE}/goals conversion",
    ), "yes or no"),
}  # fmt: skip
# No authkey opens what is a person's own, an owner's, or an operator's
PERSONAL = (f"{V1}digests", f"{V1}notices", f"{V1}exports", f"{V1}sso", f"{V1}installation")
OF_OPERATORS = f"{V1}installation/"  # they name rows of all accounts; tests/accounts/test_installation_api.py
# A filter that names a goal or segment, by whatever it is wrapped into
NAMING: dict[str, Callable[[Any], Any]] = {
    "goal": lambda number: {"goal": number},
    "goal in and": lambda number: {"and": [{"goal": number}]},
    "goal in or": lambda number: {"or": [{"goal": number}, {"dimension": "page", "operator": "is", "value": "/"}]},
    "goal in not": lambda number: {"not": {"goal": number}},
    "goal in visited": lambda number: {"visited": {"goal": number}},
    "goal as a dimension": lambda number: {"dimension": "goal", "operator": "is", "value": [number]},
    "goal is not": lambda number: {"dimension": "goal", "operator": "is_not", "value": [number]},
    "segment": lambda number: {"segment": number},
    "segment in not": lambda number: {"and": [{"not": {"segment": number}}]},
}


@pytest.fixture(scope="module")
def schema() -> Any:
    generator: Any = SchemaGenerator
    return generator().get_schema(request=None, public=True)


def members(schema: Any, given: Any, above: str = "") -> Iterator[tuple[str, bool]]:
    """(name, read-only) of everything in a body, nested members with a dot."""
    if "$ref" in given:
        yield from members(schema, schema["components"]["schemas"][given["$ref"].rpartition("/")[2]], above)
    for part in (one for word in ("allOf", "oneOf", "anyOf") for one in given.get(word, [])):
        yield from members(schema, part, above)
    if "items" in given:
        yield from members(schema, given["items"], above)
    for name, inside in given.get("properties", {}).items():
        yield f"{above}{name}", bool(inside.get("readOnly"))
        yield from members(schema, inside, f"{above}{name}.")


def described(schema: Any) -> Iterator[tuple[str, str, bool]]:
    """(`METHOD route`, name, read-only) of every parameter and member of a body."""
    written = {name: f"{{{name}}}" for name in (*IDS, *OPERATORS_ROWS, *WORDS)}
    converted = {
        build_path(route, {**build_values(route), **written}): route for route in ROUTES if route.startswith("api/")
    }
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            call = f"{method.upper()} {converted[path]}"
            yield from ((call, one["name"], False) for one in operation.get("parameters", []) if one["in"] == "query")
            in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert in_path <= {*IDS, *OPERATORS_ROWS, *WORDS}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from ((call, name, read_only) for name, read_only in members(schema, content["schema"]))


def test_every_id_in_the_openapi_description_is_declared(schema: Any) -> None:
    found = {
        (f"{call} {name}", read_only) for call, name, read_only in described(schema) if f" {OF_OPERATORS}" not in call
    }
    ids = {
        (name, read_only)
        for name, read_only in found
        if source_search.looks_like_an_id(name.rpartition(".")[2].rpartition(" ")[2])
    }
    assert {name for name, read_only in ids if read_only} == READ_ONLY
    named = {f"{call} {field}" for call, field in NAMES}
    hidden = {name for name in named if name.endswith(" filter")}  # its name is not an id's
    assert {name for name, read_only in ids if not read_only} == {*GRANTS, *NO_IDS, *named} - hidden
    assert {QUESTION, *PERSON, *hidden} <= {name for name, _ in found}


def test_a_filter_refers_only_to_goals_and_segments() -> None:
    kinds = {*IDS.values(), "goal", "segment", "account", "user", "tag"}
    assert {kind for kind in kinds if parses({kind: 1})} == {"goal", "segment"}


def parses(given: Any) -> bool:
    try:
        return filters.parse(given) is not None
    except QueryRefused:
        return False


def key_of(world: World, name: str) -> str:
    """The person's own authkey: the owner's is the account's."""
    if name == "charlie":
        return str(world.other["authkey"])
    return Membership.objects.get(user=world.people[name]).authkey


WITH_IDS = [route for route in ROUTES if route.startswith(V1) and list_ids(route)]
KEYED = ("charlie", "bob", "dave")


@pytest.mark.parametrize("route", WITH_IDS)
def test_a_key_gives_no_more_access_than_a_session(route: str, world: World, before: Any) -> None:
    """By turns charlie's, bob's and dave's."""
    for turn, method in enumerate(methods(route), WITH_IDS.index(route)):
        check_keys(route, method, [KEYED[turn % 3]], world, before)


@pytest.mark.heavy
@pytest.mark.parametrize("route", WITH_IDS)
def test_no_key_gives_more_access_than_a_session(route: str, world: World, before: Any) -> None:
    for method in methods(route):
        check_keys(route, method, KEYED, world, before)


def check_keys(route: str, method: str, names: Sequence[str], world: World, before: Any) -> None:
    """With their keys, these people get what they may, and nothing of others."""
    for name in names:
        own, key = own_values(route, world.own(name)), key_of(world, name)
        if name == "charlie" and not route.startswith(PERSONAL):
            assert callers.is_allowed(by_key(key, method, route, own, world.other)[0]), method
        for field in list_ids(route):
            foreign_id, nothing = {**own, field: world.hidden[IDS[field]]}, {**own, field: NOBODYS}
            answer, text, changes = by_key(key, method, route, foreign_id, world.own(name))
            as_nothing = by_key(key, method, route, nothing, world.own(name))[1]
            assert callers.mask_numbers(text) == callers.mask_numbers(as_nothing)
            assert answer.status_code in (404, 405)
            assert callers.find_words(text, world.foreign_words(name)) == []
            if answer.status_code != 405:
                assert_refused(answer, text, changes, before, (name, method))


def by_key(key: str, method: str, route: str, values: dict[str, Any], things: Things, data: Any = None) -> Any:
    """The answer to somebody who shows a key, its text, and what it changed."""
    made = BODIES.get(f"{method} {route}")
    sent = data if data is not None else made(things) if made else {}
    query = "?by=ip&value=203.0.113.250" if "personal" in route else ""
    with rolled_back(), callers.watch_writes() as changes:
        path = build_path(route, values) + query
        answer = callers.send(Client(), method, path, sent, {"authorization": f"Bearer {key}"})
        changes.look(answer)
    return answer, callers.read_text(answer), changes


@pytest.mark.parametrize("call", GRANTS.values())
@pytest.mark.parametrize("kind", ["site", "group", "link"])
def test_objects_of_others_cannot_be_granted(call: str, kind: str, world: World, before: Any) -> None:
    method, _, route = call.partition(" ")
    own, key = own_values(route, world.other), key_of(world, "charlie")
    word = {"link": "datapoint"}.get(kind, kind)

    def granting(number: Any) -> dict[str, Any]:
        grant = {"kind": word, "id": number, "right": "read"}
        return {**BODIES[call](world.other), "role": "viewer" if method == "PATCH" else "guest", "grants": [grant]}

    assert by_key(key, method, route, own, world.other, granting(world.other[kind]))[2].tables
    answer, text, changes = by_key(key, method, route, own, world.other, granting(world.hidden[kind]))
    nothing = by_key(key, method, route, own, world.other, granting(NOBODYS))[1]
    assert answer.status_code == 400 and callers.mask_numbers(text) == callers.mask_numbers(nothing)
    assert_refused(answer, text, changes, before, call)


def test_grants_on_objects_of_others_are_rejected_whatever_the_role(world: World, before: Any) -> None:
    grants = [{"kind": "site", "id": world.hidden["site"], "right": "read"}]
    sent = {"email": "new@example.org", "role": "viewer", "grants": grants}
    answer, text, changes = by_key(key_of(world, "charlie"), "POST", f"{V1}members", {}, world.other, sent)
    assert_refused(answer, text, changes, before, "viewer")


@pytest.mark.parametrize("call", sorted(READ_ONLY))
def test_a_read_only_id_in_a_body_is_ignored(call: str, world: World) -> None:
    method, route, field = call.split(" ")
    number = world.hidden[find_kind(route, field)]
    sent = {**BODIES[f"{method} {route}"](world.other), field: number}
    client = callers.open_client(world, "charlie")
    with rolled_back():
        answer = callers.send(client, method, build_path(route, own_values(route, world.other)), sent)
    text = callers.read_text(answer)
    assert answer.status_code in (200, 201, 202) and answer.json()[field] != number
    assert callers.find_words(text, world.foreign_words("charlie")) == []


def find_kind(route: str, field: str) -> str:
    """The kind of row whose id the member `field` is: of the last id in the address, or of one created there."""
    if field == "account" or route.endswith("account"):
        return "account"
    mine = {
        "links": "link",
        "keys": "key",
        "annotations": "note",
        "digests": "digest",
        "members": "member",
        "sites": "site",
    }
    last = route.rpartition("/")[2].replace("link-lists", "entrys").replace("link-", "")
    return IDS[last[5:-1]] if last.startswith("<int:") else mine.get(last, last.removesuffix("s"))


@pytest.mark.parametrize(
    ("call", "field", "name"),
    [  # by turns, the others are heavy
        pytest.param(*named, name, marks=() if number % 2 == turn else pytest.mark.heavy)
        for number, named in enumerate(NAMES)
        for turn, name in enumerate(("charlie", "dave"))
    ],
)
def test_an_id_of_others_in_a_body_is_treated_as_missing(
    call: str, field: str, name: str, world: World, before: Any
) -> None:
    method, _, route = call.partition(" ")
    kind, build = NAMES[call, field]
    out_of_reach = kind in ("channel", "client") or any(
        word in route for word in ("<int:subscription_id>", "links", "site-templates")
    )
    if name == "dave" and out_of_reach:
        return  # a digest is its person's, a guest has no channels or clients, and may link to what no link of his uses
    own = own_values(route, world.own(name))

    def send(number: Any) -> Any:
        with rolled_back(), callers.watch_writes() as changes:
            answer = callers.send(callers.open_client(world, name), method, build_path(route, own), build(number))
            changes.look(answer)
        return answer, callers.read_text(answer), changes

    assert send(world.own(name)[kind])[2].tables
    nothing = send(NOBODYS)[1]
    for number in foreign(kind, name, world):
        answer, text, changes = send(number)
        assert answer.status_code == 400 and callers.mask_numbers(text) == callers.mask_numbers(nothing)
        assert_refused(answer, text, changes, before, (call, name))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_visitor_of_another_site_has_no_personal_data_here(method: str, world: World) -> None:
    path = f"/{SITE}/personal-data".replace("<int:site_id>", str(world.other["site"]))
    sent = [f"{path}?by=visitor&value={number}" for number in (world.hidden["device"], NOBODYS)]
    headers = {"authorization": f"Bearer {key_of(world, 'charlie')}"}
    answers = [callers.send(Client(), method, address, {}, headers) for address in sent]
    nothing: dict[str, object] = {"rows": []} if method == "GET" else {"erased_visits": 0}
    assert answers[0].json() == answers[1].json() == nothing


@pytest.mark.parametrize("name", NAMING)
def test_a_filter_refers_only_to_goals_and_segments_visible_to_the_keys_creator(name: str, world: World) -> None:
    site_cache.refresh()
    assert query(world.open["api_key"], NAMING[name](world.open[name.split()[0]])).status_code == 200
    kinds = ("segment", "private_segment") if name.startswith("segment") else ("goal",)
    for who in ("charlie", "dave"):
        _, key = api_key_create(site=world.own(who).site, name="k", user=world.people[who])
        site_cache.refresh()
        for number in [number for kind in kinds for number in foreign(kind, who, world)]:
            answer, nothing = (query(key, NAMING[name](one)) for one in (number, NOBODYS))
            text = callers.read_text(answer)
            assert answer.status_code == 400 and f"There is no {name.split()[0]} {number} on this site" in text
            assert callers.mask_numbers(text) == callers.mask_numbers(callers.read_text(nothing))


def query(key: str, one: Any) -> Any:
    return callers.send(Client(), "POST", "/api/query", {"filters": [one], "period": "today"}, {"x-api-key": key})
