"""Personal tokens × every operation of the management API: the scope, the person's role, the sites of the token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import pytest
from django.test import Client

from accounts.models import READ, SCOPES, WRITE, Area, Membership
from accounts.services.personal_tokens import personal_token_create
from tests.permissions import callers
from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import ROUTES, V1, S, build_path, list_patterns
from tests.permissions.tenants import Things, World
from tests.permissions.test_paths import body, methods, own_values
from tests.support.database import rolled_back

OPEN = {f"{V1}openapi.json", r"^api/v1/(?P<rest>[\s\S]*)$"}  # not operations
OPERATORS = f"{V1}installation/"  # tests/accounts/test_installation_api.py
OPERATIONS = [
    route
    for route in ROUTES
    if route.lstrip("^").startswith(V1) and route not in OPEN and not route.startswith(OPERATORS)
]
EVERY_TOKEN = {f"{V1}me"}  # says who the caller is
# Reads of what a token that only reads must not have: a key that writes, and the data of a person
SECRETS = {f"{V1}channels/<int:channel_id>/secret", f"{V1}{S}/personal-data"}


@cache
def find_area(route: str) -> str:
    """The area of the view that answers at the address."""
    view: Any = next(pattern.callback for found, pattern in list_patterns() if found == route)
    return str((getattr(view, "view_class", None) or view.cls).area)


def send(plain: str, method: str, route: str, things: Things) -> Any:
    """The answer to a token, and its text; the database is as it was afterwards."""
    query = "?by=ip&value=203.0.113.250" if "personal" in route else ""
    path = build_path(route, own_values(route, things)) + query
    with rolled_back():
        answer = callers.send(Client(), method, path, body(method, route, things), {"authorization": f"Bearer {plain}"})
    return answer, callers.read_text(answer)


def create_token(world: World, name: str, scopes: Any = SCOPES, sites: Any = ()) -> str:
    account = world.own(name).site.account
    membership = Membership.objects.get(user=world.people[name], account=account)
    return personal_token_create(membership=membership, name="t", scopes=scopes, sites=sites)[1]


def test_every_operation_has_an_area_or_is_open_to_every_token() -> None:
    assert {route for route in OPERATIONS if find_area(route) not in Area.values} == EVERY_TOKEN


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_may_do_what_its_scope_says_and_nothing_else(scope: str, world: World) -> None:
    """Its own area, and a sixth of what belongs to other ones."""
    others = [route for route in OPERATIONS if find_area(route) != scope.partition(":")[0]]
    check_scope(scope, {*OPERATIONS} - {*others} | {*others[SCOPES.index(scope) % 6 :: 6]}, world)


@pytest.mark.heavy
@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_may_do_what_its_scope_says_and_nothing_else_at_any_address(scope: str, world: World) -> None:
    check_scope(scope, {*OPERATIONS}, world)


def check_scope(scope: str, routes: Collection[str], world: World) -> None:
    """A token of one scope gets the answers of its area, and the name of the missing scope everywhere else."""
    area, _, right = scope.partition(":")
    plain = create_token(world, "charlie", [scope])
    for route in sorted(routes):
        for method in methods(route):
            needed = READ if method == "GET" and route not in SECRETS else WRITE
            allowed = route in EVERY_TOKEN or (find_area(route) == area and right in (needed, WRITE))
            answer, text = send(plain, method, route, world.other)
            assert ("does not have the scope" in text) is not allowed, (method, route, text)
            assert (answer.status_code == 403) is not allowed, (method, route, text)


@pytest.mark.parametrize("right", [READ, WRITE])
def test_no_answer_to_a_token_that_only_reads_has_a_key_of_the_site(right: str, world: World) -> None:
    plain = create_token(world, "charlie", [f"{area}:{right}" for area in Area.values])
    keys = tuple(world.other[name].lower() for name in ("sitekey", "sitekey_admin", "authkey"))
    for route in OPERATIONS:
        shown = callers.find_words(send(plain, "GET", route, world.other)[1], keys) if "GET" in methods(route) else []
        assert bool(shown) is (right == WRITE and route == f"{V1}{S}"), route


PEOPLE = ("alice", "adam", "erin", "victor", "bob", "dave")


@pytest.mark.parametrize("name", PEOPLE)
def test_a_token_may_do_what_its_person_may_and_nothing_else(name: str, world: World, clients: Any) -> None:
    """At a sixth of the addresses each."""
    check_person(name, OPERATIONS[PEOPLE.index(name) :: 6], world, clients)


@pytest.mark.heavy
@pytest.mark.parametrize("name", PEOPLE)
def test_a_token_may_do_what_its_person_may_and_nothing_else_at_any_address(
    name: str, world: World, clients: Any
) -> None:
    check_person(name, OPERATIONS, world, clients)


def check_person(name: str, routes: Sequence[str], world: World, clients: Any) -> None:
    """The token gets what the session gets."""
    plain = create_token(world, name)
    things = world.own(name)
    for route in routes:
        for method in methods(route):
            path = build_path(route, own_values(route, things))
            with rolled_back():
                session = callers.send(clients[name], method, path, body(method, route, things))
            answer, text = send(plain, method, route, things)
            assert answer.status_code == session.status_code or "personal" in route, (method, route, text)
            assert callers.find_words(text, world.foreign_words(name)) == [], (method, route)


@pytest.mark.parametrize(
    "routes", [OPERATIONS[::4], pytest.param(OPERATIONS, marks=pytest.mark.heavy)], ids=["a quarter", "all"]
)
def test_a_token_limited_to_a_site_reaches_no_other_and_not_the_account(routes: Sequence[str], world: World) -> None:
    plain = create_token(world, "alice", sites=[world.open["site"]])
    for route in routes:
        for method in methods(route):
            answer, text = send(plain, method, route, world.hidden)
            assert callers.find_words(text, (world.hidden.word,)) == [], (method, route, text)
            reachable = {"GET": {*EVERY_TOKEN, f"{V1}sites"}}.get(method, set())
            assert (answer.status_code in (404, 405)) is (route not in reachable), (method, route, text)
    shown = send(plain, "GET", f"{V1}sites", world.open)[0].json()["results"]
    assert [row["id"] for row in shown] == [world.open["site"]]


def test_the_table_of_bodies_has_every_write_of_the_api() -> None:
    """What the tests above and those of paths send: a write without a body there would not be tested at all."""
    written = {
        f"{method.upper()} {route}"
        for route, pattern in list_patterns()
        if route in OPERATIONS
        for method in list_methods(pattern.callback)
        if method in ("post", "patch", "delete")
    }
    known = {call for call in BODIES | READS if call.partition(" ")[2] in OPERATIONS}
    assert written == known


def list_methods(view: Any) -> set[str]:
    """The methods that a view answers."""
    if hasattr(view, "actions"):
        return set(view.actions) & set(view.cls.http_method_names)
    return {name for name in view.view_class.http_method_names if hasattr(view.view_class, name)}
