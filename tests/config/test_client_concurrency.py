"""How many requests of one client run at the same time, and what happens to the others."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from config import asgi as config_asgi
from config.serving import client_concurrency
from config.serving.client_concurrency import (
    CLIENT_BUSY_MESSAGE,
    MAX_AT_ONCE,
    MAX_RUNNING,
    MAX_RUNNING_BY_KEY,
    MAX_WAITING,
    MAX_WAITING_BEFORE_FLOOD,
    queues,
)
from sites.models import Site
from tests.support import asgi
from tests.support.asgi import cookie
from tests.support.held_application import CLIENT, OTHER, Application, all_wait, ask, numbered

pytestmark = pytest.mark.usefixtures("nothing_left", "nobody_gives_way")


async def test_further_requests_of_a_client_wait_in_order(behind: Application) -> None:
    paths = numbered(MAX_AT_ONCE + 3)
    tasks = [ask(path) for path in paths]
    await all_wait()
    assert behind.begun == paths[:MAX_AT_ONCE]
    for ended in range(3):
        behind.end(paths[ended])
        await all_wait()
        assert behind.begun == paths[: MAX_AT_ONCE + ended + 1]
    behind.end(*paths)
    assert [(answer.status, answer.text) for answer in await asyncio.gather(*tasks)] == [(200, path) for path in paths]


async def test_a_flooding_clients_requests_run_one_by_one_without_delaying_others(behind: Application) -> None:
    paths = numbered(MAX_AT_ONCE + MAX_WAITING_BEFORE_FLOOD + 2)
    tasks = [ask(path) for path in paths]
    await all_wait()
    behind.end(*paths[:MAX_AT_ONCE])
    await all_wait()
    assert behind.begun == paths[: MAX_AT_ONCE + 1]
    behind.end(*paths[MAX_AT_ONCE:-2])
    await all_wait()
    assert behind.begun == paths[:-1], "also the last of it"
    tasks.append(ask("/other", OTHER))
    await all_wait()
    assert behind.begun[-1] == "/other"
    behind.end(*paths, "/other")
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
    again = [ask(f"{path}/again") for path in paths[:MAX_AT_ONCE]]
    await all_wait()
    assert behind.begun[-MAX_AT_ONCE:] == [f"{path}/again" for path in paths[:MAX_AT_ONCE]], "in parallel as before"
    behind.end(*behind.begun)
    await asyncio.gather(*again)


async def test_all_clients_together_run_a_bounded_number_of_requests_in_order(
    behind: Application,
) -> None:
    paths = numbered(MAX_RUNNING + 2)
    tasks = [ask(path, f"198.51.100.{number}") for number, path in enumerate(paths, 1)]
    await all_wait()
    assert behind.begun == paths[:MAX_RUNNING]
    behind.end(paths[3])
    await all_wait()
    assert behind.begun == paths[: MAX_RUNNING + 1]
    behind.end(*paths)
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_a_request_that_waits_too_long_is_rejected_and_leaves_the_queue(
    behind: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = numbered(MAX_RUNNING)
    tasks = [ask(path, f"198.51.100.{number}") for number, path in enumerate(paths, 1)]
    await all_wait()
    monkeypatch.setattr(client_concurrency, "MAX_WAIT_SECONDS", 0.01)
    late = await ask("/login", "192.0.2.1")
    assert late.status == 503 and client_concurrency.BUSY_MESSAGE in late.text
    assert "192.0.2.1" not in queues.by_client
    behind.end(*paths)
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(("one", "other", "together"), [
    (CLIENT, OTHER, False),
    (CLIENT, f"::ffff:{CLIENT}", True),
    ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", True),
    ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
])  # fmt: skip
async def test_only_requests_of_the_same_client_wait(behind: Application, one: str, other: str, together: bool) -> None:
    paths = numbered(MAX_AT_ONCE + 1)
    tasks = [ask(path, one) for path in paths]
    tasks.append(ask("/other", other))
    await all_wait()
    assert ("/other" in behind.begun) is not together
    behind.end(*paths, "/other")
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


@pytest.mark.parametrize(("path", "sentence"), [
    ("/login", lambda answer: f"<p>{CLIENT_BUSY_MESSAGE}</p>" in answer.text),
    ("/api/v1/sites", lambda answer: json.loads(answer.body)["error"]["message"] == CLIENT_BUSY_MESSAGE),
    ("/api/stats/4?output=json", lambda answer: json.loads(answer.body)[0]["error"] == CLIENT_BUSY_MESSAGE),
    ("/clickmeter/datapoints", lambda answer: json.loads(answer.body)["message"] == CLIENT_BUSY_MESSAGE),
])  # fmt: skip
async def test_a_request_above_the_limit_is_rejected_in_the_form_of_its_api(
    path: str, sentence: Any, behind: Application
) -> None:
    paths = numbered(MAX_AT_ONCE + MAX_WAITING)
    tasks = [ask(path) for path in paths]
    await all_wait()
    answer = await ask(path)
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 0, answer
    assert sentence(answer), answer.text
    behind.end(*paths)
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_no_request_waits_for_ever(behind: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = numbered(MAX_AT_ONCE)
    tasks = [ask(path) for path in paths]
    await all_wait()
    monkeypatch.setattr(client_concurrency, "MAX_WAIT_SECONDS", 0)
    assert (await ask("/late")).status == 503
    behind.end(*paths)
    await asyncio.gather(*tasks)
    assert behind.begun == paths


async def test_failed_and_cancelled_requests_free_their_slot(behind: Application) -> None:
    tasks = [ask("/fails"), *(ask(path) for path in numbered(MAX_AT_ONCE - 1)), ask("/waits"), ask("/last")]
    await all_wait()
    tasks[-2].cancel()
    behind.end("/fails")
    await all_wait()
    assert behind.begun[-1] == "/last"
    for task in tasks[1:-2]:
        task.cancel()
    behind.end("/last")
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ended[0], ValueError) and isinstance(ended[-1], asgi.Answer) and ended[-1].status == 200


async def test_the_slot_of_a_request_cancelled_while_waiting_goes_to_the_next() -> None:
    for _ in range(MAX_AT_ONCE):
        await queues.enter(CLIENT, b"", lambda: CLIENT)
    given_up, following = (asyncio.create_task(queues.enter(CLIENT, b"", lambda: CLIENT)) for _ in range(2))
    await all_wait()
    queues.leave(CLIENT, b"", CLIENT)
    given_up.cancel()  # before it could go on
    await asyncio.wait_for(following, 10)
    assert given_up.cancelled()
    for _ in range(MAX_AT_ONCE):
        queues.leave(CLIENT, b"", CLIENT)


async def test_a_slow_body_does_not_occupy_a_slot(behind: Application) -> None:
    async def stays_open() -> Any:
        return first.pop() if first else await asyncio.Event().wait()

    async def slow() -> None:
        await config_asgi.application(asgi.make_scope("POST", "/slow", {}), stays_open, asgi.Answer().add)

    first = [{"type": "http.request", "body": b"a", "more_body": True} for _ in range(MAX_AT_ONCE)]
    tasks = [asyncio.create_task(slow()) for _ in range(MAX_AT_ONCE)]
    await all_wait()
    behind.end("/page")
    assert (await ask("/page")).status == 200
    assert not any(task.done() for task in tasks)  # they still wait for the rest of their bodies
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def forwarded(path: str, peer: str, client: str) -> asgi.Answer:
    return await asgi.exchange(asgi.make_scope("GET", path, {"x-forwarded-for": client}, client=peer), b"")


async def test_clients_behind_a_trusted_proxy_are_distinguished_and_unknown_ones_unlimited(
    behind: Application, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    paths = numbered(MAX_AT_ONCE + 1)
    for client, begun in ((CLIENT, MAX_AT_ONCE), ("", MAX_AT_ONCE + 1)):
        behind.begun.clear()
        behind.may_end.clear()
        tasks = [asyncio.create_task(forwarded(path, "10.0.0.1", client)) for path in paths]
        other = asyncio.create_task(forwarded("/other", "10.0.0.1", OTHER))
        await all_wait()
        assert behind.begun == [*paths[:begun], "/other"]
        behind.end(*paths, "/other")
        await asyncio.gather(*tasks, other)


async def test_streamed_responses_occupy_no_slot(site: Site, alice: User, transactional_db: None) -> None:
    session = await cookie(alice)
    async with AsyncExitStack() as streams:
        for _ in range(MAX_AT_ONCE + 1):
            open_one = asgi.connected(f"/sites/{site.pk}/spy/stream", cookie=session, address=CLIENT)
            stream = await streams.enter_async_context(open_one)
            assert stream.answer.status == 200
        assert not queues.by_client
        assert (await ask("/login")).status == 200


async def test_a_client_that_disconnects_frees_its_slot(site: Site, alice: User, transactional_db: None) -> None:
    session = await cookie(alice)
    for _ in range(MAX_AT_ONCE + 1):
        async with asgi.connected(f"/sites/{site.pk}/", cookie=session, address=CLIENT) as page:
            page.closed.set()
    assert (await ask("/login")).status == 200


async def test_one_key_of_an_api_leaves_half_of_the_places_to_others(behind: Application) -> None:
    paths = numbered(MAX_RUNNING + 4)
    tasks = [
        asyncio.create_task(asgi.send("GET", path, key="ck_one", address=f"198.51.100.{number}"))
        for number, path in enumerate(paths, 10)
    ]
    await all_wait()
    assert behind.begun == paths[:MAX_RUNNING_BY_KEY]
    tasks.append(asyncio.create_task(asgi.send("GET", "/other", key="ck_two", address=OTHER)))
    await all_wait()
    assert behind.begun[-1] == "/other"
    behind.end("/other", *paths)
    assert [answer.status for answer in await asyncio.gather(*tasks)] == [200] * len(tasks)
