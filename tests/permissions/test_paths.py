"""Every URL × every caller, and every id in a URL × every caller who may not fetch its object."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from links.clickmeter.api_view import OperationViews, UnknownAddressView
from links.clickmeter.description import serve_description
from links.clickmeter.operations import OPERATIONS as CLICKMETER
from tests.permissions import callers, routes
from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import (
    ALSO_NEEDS,
    FOR_EVERY_NUMBER,
    IDS,
    MAY,
    NEEDS,
    ROUTES,
    WORDS,
    build_path,
    list_ids,
    list_parameters,
)
from tests.permissions.tenants import NOBODYS, Things, World
from tests.support import browse, insert_recorded
from tests.support.database import rolled_back

ASKED = [route for route in ROUTES if NEEDS.get(route) not in ("key", "secret", None)]
NEWCOMERS = count()


def methods(route: str) -> list[str]:
    """GET, and every method of which the tables know a body."""
    return ["GET", *(call.partition(" ")[0] for call in (*BODIES, *READS) if call.partition(" ")[2] == route)]


def body(method: str, route: str, things: Things) -> Any:
    made = (BODIES | READS).get(f"{method} {route}")
    return made(things) if made else {"by": "ip", "value": "203.0.113.250"} if "personal" in route else None


def test_the_tables_list_exactly_the_existing_urls() -> None:
    assert [route for route in ROUTES if route not in NEEDS] == [], "say in NEEDS who may open these"
    assert [route for route in NEEDS if route not in ROUTES] == [], "these are no addresses any more"
    calls = [call.partition(" ")[2] for call in (*BODIES, *READS, *ALSO_NEEDS)]
    assert [route for route in calls if route not in ROUTES] == []


def test_every_url_parameter_is_declared_as_an_id_or_not() -> None:
    there = {name for route in ROUTES for name in list_parameters(route)}
    assert there == {*IDS, *WORDS}
    assert not {*IDS} & {*WORDS} and all(why for _, why in WORDS.values())


def test_every_clickmeter_url_is_an_operation_and_tested_there() -> None:
    served: set[str] = set()
    for route, pattern in routes.list_patterns():
        if not route.startswith("clickmeter/"):
            continue
        view = getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", pattern.callback))
        if isinstance(view, type) and issubclass(view, OperationViews):
            actions: dict[str, str] = vars(pattern.callback)["actions"]
            path = str(pattern.name).removeprefix("clickmeter ")
            served |= {f"{method.upper()} {path} {action}" for method, action in actions.items()}
        else:
            assert view is UnknownAddressView or pattern.callback is serve_description, route
    served = {call for call in served if not call.startswith("HEAD ")}
    assert served == {f"{one.method} {one.path} {one.action}" for one in CLICKMETER}
    assert len(CLICKMETER) == 108


@pytest.mark.parametrize("route", ASKED)
def test_callers_get_exactly_the_pages_they_may_open(route: str, world: World, clients: Any, before: Any) -> None:
    """Of those who may, and of those who may not, one each by turns: every caller with every need."""
    for turn, method in enumerate(methods(route), ASKED.index(route)):
        names = list_callers(route, method)
        may = [name for name in names if find_need(route, method) in MAY[name]]
        may_not = [name for name in names if name not in may]
        some = [group[turn % len(group)] for group in (may, may_not) if group]
        check_callers(route, method, some, world, clients, before)


@pytest.mark.heavy
@pytest.mark.parametrize("route", ASKED)
def test_every_caller_gets_exactly_the_pages_they_may_open(route: str, world: World, clients: Any, before: Any) -> None:
    for method in methods(route):
        check_callers(route, method, list_callers(route, method), world, clients, before)


def find_need(route: str, method: str) -> str:
    return ALSO_NEEDS.get(f"{method} {route}", NEEDS[route])


def list_callers(route: str, method: str) -> list[str]:
    """Who asks for the address, from nobody to those who may the most."""
    names = [*MAY]
    if find_need(route, method) == "view" and list_ids(route) == ["site_id"]:
        names.remove("charlie")  # the same numbers as alice's; he reads sheets in test_forms.py
    if route.endswith("/bot") and method == "POST":  # events are moved, which takes a second: once is enough
        names = [name for name in names if name not in ("dave", "erin", "adam", "charlie")]
    return names


def check_callers(route: str, method: str, names: list[str], world: World, clients: Any, before: Any) -> None:
    """Each of these callers gets the answer that they may get, and nothing is changed for those who may not."""
    need = find_need(route, method)
    for name in names:
        may = MAY[name]
        things = world.other if name == "charlie" else world.open
        values = own_values(route, things, newcomer=method == "POST" and need in may)
        answer, text, changes = asked(clients, name, method, route, values, things)
        assert method != "GET" or not (changes.tables or changes.events), "nothing is changed by following a link"
        callers.assert_hidden(route, text, world.foreign_words(name), (name, method))
        if need == "open" or need in may:
            assert callers.is_allowed(answer) or need == "open", (name, method, answer.status_code)
            wrote = changes.tables or f"{method} {route}" not in BODIES
            owns = name in ("alice", "charlie") or (name == "adam" and need != "self")  # he has nothing of his own
            assert wrote or not owns, f"{method} {route} was to write: {answer.status_code} {text[:3000]}"
        elif answer.status_code != 405:
            assert_refused(answer, text, changes, before, (name, method))


WITH_IDS = [route for route in ASKED if list_ids(route)]
STRANGERS = ("charlie", "dave", "bob")


@pytest.mark.parametrize("route", WITH_IDS)
def test_an_id_of_others_in_a_url_is_treated_as_missing(route: str, world: World, clients: Any, before: Any) -> None:
    """By turns charlie, dave and bob."""
    for turn, method in enumerate(methods(route), WITH_IDS.index(route)):
        names = [name for name in STRANGERS if name != "bob" or "site_id" in list_ids(route)]
        check_foreign_ids(route, method, [names[turn % len(names)]], world, clients, before)


@pytest.mark.heavy
@pytest.mark.parametrize("route", WITH_IDS)
def test_an_id_of_others_in_a_url_is_treated_as_missing_for_every_caller(
    route: str, world: World, clients: Any, before: Any
) -> None:
    for method in methods(route):
        check_foreign_ids(route, method, STRANGERS, world, clients, before)


def check_foreign_ids(route: str, method: str, names: Sequence[str], world: World, clients: Any, before: Any) -> None:
    """Each id by turns is another's, while all others in the address and the body are the caller's own (with which
    everything works, says the test above). Dave may all that bob may, who asks for another site.
    """
    for name in names:
        own = own_values(route, world.own(name))
        for field in list_ids(route) if name != "bob" else ["site_id"] if "site_id" in list_ids(route) else []:
            foreign, nothing = {**own, field: world.hidden[IDS[field]]}, {**own, field: NOBODYS}
            answer, text, changes = asked(clients, name, method, route, foreign, world.own(name))
            if answer.status_code not in (404, 405):
                as_nothing = asked(clients, name, method, route, nothing, world.own(name))[0]
                assert answer.status_code == as_nothing.status_code, (name, method, field)
            callers.assert_hidden(route, text, world.foreign_words(name), (name, method, field))
            if answer.status_code != 405 and route not in FOR_EVERY_NUMBER:
                assert_refused(answer, text, changes, before, (name, method, field))


@pytest.mark.parametrize("route", [route for route in ROUTES if NEEDS.get(route) == "secret"])
def test_an_unknown_secret_in_a_url_gives_no_access(route: str, world: World, clients: Any) -> None:
    for name in ("nobody", "charlie", "alice"):
        for method in ("GET", "POST"):
            answer, _, changes = asked(clients, name, method, route, routes.build_values(route), world.other)
            assert answer.status_code in (404, 405) and not changes.tables, (name, method)


@pytest.mark.parametrize("path", ["/sites", "/go", "/sites/all"])
def test_lists_of_sites_contain_only_visible_sites(path: str, world: World, clients: Any) -> None:
    for name in ("bob", "charlie"):
        text = callers.read_text(callers.send(clients[name], "GET", path))
        assert f"/sites/{world.own(name)['site']}/" in text


def assert_refused(answer: Any, text: str, changes: callers.Changes, before: Any, who: Any) -> None:
    """The answer says no, and nothing was changed."""
    assert callers.is_rejected(answer, text), (*who, answer.status_code, text[-3000:])
    assert not changes.events, who
    assert not changes.tables or changes.after == before, (*who, changes.tables)


def own_values(route: str, things: Things, newcomer: bool = False) -> dict[str, Any]:
    """What stands in an address that names only these things. `newcomer`: who is marked as a bot came just now."""
    values = {**routes.build_values(route), **{name: things[kind] for name, kind in IDS.items()}}
    if newcomer and route.endswith("/bot"):
        visit = browse(things.site, at=timezone.now(), visitor=next(NEWCOMERS))[0]
        values |= {"device": visit["device"], "visit": visit["visit"]}
    return values


def asked(clients: Any, name: str, method: str, route: str, values: dict[str, Any], things: Things) -> Any:
    """The answer, its text, and what it changed; the database is as it was afterwards."""
    path, data = build_path(route, values), body(method, route, things)
    insert_recorded()
    with rolled_back(), callers.watch_writes() as changes:
        answer = callers.send(callers.copy_client(clients[name]), method, path, data)
        changes.look(answer)
    return answer, callers.read_text(answer), changes
