"""Every ClickMeter operation answers as recorded: to the account key, a stranger, and invalid requests."""

from __future__ import annotations

import re
from typing import Any

import pytest

from links.clickmeter.operations import OPERATIONS, Operation
from tests.contract.clickmeter_calls import ClickMeterCall, list_calls
from tests.contract.clickmeter_world import create_recorded_world
from tests.contract.golden_files import check_golden, check_names, describe_response
from tests.contract.numbers import number_rows, seed_choices
from tests.links.clickmeter.test_operations import named
from tests.support.clickmeter_client import Program, use_account_key, use_own_key
from tests.support.database import rolled_back

pytestmark = pytest.mark.django_db
LATER = 500  # rows that a recorded call makes are numbered from here
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def name_file(operation: Operation) -> str:
    """`GET /tags/{tagId}` lies in clickmeter/tags/tags_tagId_get.json."""
    words = re.findall(r"\w+", operation.path)
    return f"clickmeter/{operation.tag.lower()}/{'_'.join([*words, operation.method.lower()])}"


@pytest.fixture(scope="module")
def world(people: Any) -> dict[str, Any]:
    """One of everything, with numbers."""
    return create_recorded_world(people.account)


@pytest.fixture(scope="module")
def callers(people: Any) -> dict[str, Program]:
    """The account's own key, another account's, and one that nobody has."""
    stranger = people.charlie.memberships.get()
    return {
        "master": use_account_key(people.account),
        "stranger": use_own_key(stranger),
        "unknown key": Program(UNKNOWN),
    }


def record_call(operation: Operation, callers: dict[str, Program], asked: ClickMeterCall) -> dict[str, Any]:
    """One call, its answer, and how what it wrote reads afterwards; what the call changed is taken back."""
    request = {"key": asked.who, "address": f"{operation.method} {asked.path}"}
    found = {"request": request | ({} if asked.body is None else {"body": asked.body})}
    program = callers[asked.who]
    with rolled_back(), seed_choices(LATER):
        number_rows(LATER)
        found["answer"] = describe_response(program.call(operation.method, asked.path, asked.body))
        if address := find_written(operation, found["answer"], asked):
            found["read back"] = describe_response(program.call("GET", address))
    return found


def find_written(operation: Operation, answer: dict[str, Any], asked: ClickMeterCall) -> str:
    """The address of what a call of the master has written; "" if it wrote nothing that has one."""
    if operation.method == "GET" or answer["status"] != 200 or asked.who != "master":
        return ""
    if operation.path.endswith("permissions/patch"):
        return asked.path.partition("/group/")[0] + "/permissions?_expand=true"
    written = answer["json"].get("uri", "")
    return str(written)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_an_operation_answers_as_it_was_recorded(
    operation: Operation, world: dict[str, Any], callers: dict[str, Program]
) -> None:
    calls = {name: record_call(operation, callers, asked) for name, asked in list_calls(operation, world)}
    check_golden(name_file(operation), f"ClickMeter's {named(operation)}", calls)


def test_every_operation_has_a_golden_file_and_every_file_an_operation() -> None:
    check_names("clickmeter", [name_file(operation) for operation in OPERATIONS])
