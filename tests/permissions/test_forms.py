"""URLs of reports refer to goals and segments; every page of a report rejects those of others."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reports.dashboard.state import VIEW_OPTIONS
from reports.query.dimensions import DIMENSIONS
from tests.permissions import callers, source_search
from tests.permissions.id_fields import OPTIONS
from tests.permissions.routes import IDS, NEEDS, ROUTES, build_path, build_values
from tests.permissions.tenants import NOBODYS, Things, World
from tests.permissions.test_id_fields import foreign
from tests.support.turns import take_turns

OWN = [route for route in ROUTES if NEEDS.get(route) in ("view", "self", "hers") and "api/" not in route]
SHARED = [route for route in ROUTES if route.startswith("share/")]
NAMED = {"goal": ("goal",), "segment": ("segment", "private_segment")}  # what the address calls it -> kinds
# Dimensions whose values are numbers of things. They are compared with what the sites' own events carry.
COMPARED = ("site", "visitor_id", "visit", "link", "link_group", "click", "link_conversion")
WORDS_ONLY = {
    "device": "phone, tablet or desktop", "referrer_domain": "a host", "channel": "a way by which visits come",
    "destination": "an address", "any_tag": "text",
}  # fmt: skip


def test_every_dimension_whose_values_are_ids_is_declared() -> None:
    ids = {name for name in DIMENSIONS if source_search.looks_like_an_id(name)}
    assert ids == {"goal", *COMPARED, *WORDS_ONLY}


def test_every_option_of_a_report_is_declared() -> None:
    """Those that name goals are in FIELDS; the others say how a sheet is shown."""
    assert {*VIEW_OPTIONS} == {
        "metric", "second", "by", "q", "order", "from", "people", "of", "at", "width", "model", "chain",
        *(name.rpartition(" ")[2] for name in OPTIONS),
    }  # fmt: skip


def address(route: str, things: Things) -> str:
    values = {
        **build_values(route),
        **{name: things[kind] for name, kind in IDS.items()},
        "token": things["share_token"],
    }
    return build_path(route, values)


@pytest.fixture(scope="module")
def sheets(world: World, clients: Any) -> set[str]:
    """Those addresses that read a state, which one knows by a period that is none."""
    found = set()
    for route in (*OWN, *SHARED):
        answer = callers.send(clients["charlie"], "GET", address(route, world.other), {"period": "of nothing"})
        found |= {route} if answer.status_code == 400 else set()
    return found


def test_most_pages_of_a_site_read_the_state_of_a_report(sheets: set[str]) -> None:
    others = {"notes", "digest/<str:frequency>", "uptime", "uptime/<int:monitor_id>", "segments"}
    read = {route for route in OWN if route.startswith("sites/<int:site_id>/")}
    assert {f"sites/<int:site_id>/{path}" for path in others} == read - sheets
    assert {route for route in sheets if route.startswith("sites/all")} == {
        "sites/all", "sites/all/explain", "sites/all/graph.svg", "sites/all/panel/<slug:name>/<slug:tab>"
    }  # fmt: skip


@pytest.mark.parametrize("route", take_turns(2, OWN))
def test_a_goal_or_segment_of_others_is_treated_as_missing(
    route: str, world: World, clients: Any, sheets: set[str]
) -> None:
    """On one page charlie names goals and bob segments, on the next one it is the other way round."""
    turn = OWN.index(route) // 2 % 2
    for name, field in zip(("charlie", "bob"), (*NAMED, *NAMED)[turn:], strict=False):
        assert_treated_as_missing(route, world, clients, sheets, name, field)


@pytest.mark.heavy
@pytest.mark.parametrize("route", OWN)
def test_a_goal_or_segment_of_others_is_treated_as_missing_for_every_caller(
    route: str, world: World, clients: Any, sheets: set[str]
) -> None:
    for field in NAMED:
        for name in ("charlie", "bob"):
            assert_treated_as_missing(route, world, clients, sheets, name, field)


def assert_treated_as_missing(route: str, world: World, clients: Any, sheets: set[str], name: str, field: str) -> None:
    if route in sheets:
        numbers = [number for kind in NAMED[field] for number in foreign(kind, name, world)]
        assert_no_such_things(clients[name], address(route, world.own(name)), field, numbers, world.foreign_words(name))


@pytest.mark.parametrize("field", NAMED)
def test_own_goals_and_segments_are_found(field: str, world: World, clients: Any) -> None:
    for name in ("charlie", "bob"):
        path = f"/sites/{world.own(name)['site']}/graph.svg"
        assert callers.send(clients[name], "GET", path, {field: world.own(name)[field]}).status_code == 200


@pytest.mark.parametrize("route", SHARED)
def test_a_goal_or_segment_of_others_is_missing_on_a_shared_link_too(
    route: str, world: World, sheets: set[str]
) -> None:
    if route not in sheets:
        return
    path = address(route, world.other)
    for field, kinds in NAMED.items():
        numbers = [*(world.hidden[kind] for kind in kinds), *(world.other[kind] for kind in kinds if "private" in kind)]
        assert_no_such_things(Client(), path, field, numbers, world.foreign_words("charlie"))


def assert_no_such_things(
    client: Client, path: str, field: str, numbers: list[Any], foreign_words: tuple[str, ...]
) -> None:
    nothing = callers.read_text(callers.send(client, "GET", path, {field: NOBODYS}))
    for number in numbers:
        answer = callers.send(client, "GET", path, {field: number})
        text = callers.read_text(answer)
        assert answer.status_code == 400, (path, field, number)
        assert f"There is no {field} {number}" in text
        assert callers.mask_numbers(text) == callers.mask_numbers(nothing)
        assert callers.find_words(text, foreign_words) == []


@pytest.mark.parametrize("name", COMPARED)
def test_an_id_of_others_that_is_only_compared_matches_nothing(name: str, world: World, clients: Any) -> None:
    kinds = {"visitor_id": "device", "link_group": "group", "click": "link", "link_conversion": "conversion"}
    number = world.hidden[kinds.get(name, name)]
    for who in ("charlie", "bob"):
        path = f"/sites/{world.own(who)['site']}/visitors"
        answers = [callers.send(clients[who], "GET", path, {name: one}) for one in (number, NOBODYS)]
        texts = [callers.read_text(answer) for answer in answers]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert callers.mask_numbers(texts[0]) == callers.mask_numbers(texts[1])
        assert callers.find_words(texts[0], world.foreign_words(who)) == []
