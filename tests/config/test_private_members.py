"""What the adapters rely on in libraries, beside their public interfaces; and what happens where it is missing."""

from __future__ import annotations

import inspect
from typing import Any, cast

import pytest
import redis.asyncio
from django import forms
from django.conf import settings as django_settings
from pytest_django import Settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accounts.fast_settings import get_setting
from config.serving import server, uvicorn_protocol
from config.serving.uvicorn_protocol import UvicornProtocol, find_missing_members
from goals.models import Goal
from reports.dashboard.goals.forms import GoalForm
from tests.support.types import Store
from tracking.store import client, embedded
from tracking.store.target import get_target


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Any application."""


def test_uvicorn_starts_tasks_and_stops_its_timer_by_these_methods() -> None:
    assert find_missing_members() == []
    assert list(inspect.signature(HttpToolsProtocol._start_asgi_task).parameters) == ["self", "cycle", "app"]
    assert list(inspect.signature(HttpToolsProtocol._unset_keepalive_if_required).parameters) == ["self"]
    assert "_start_asgi_task" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert uvicorn_protocol.STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"


def test_a_uvicorn_without_them_serves_by_its_own_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = server.build_server_config(answer, "127.0.0.1", 0)
    assert isinstance(usual.http, type) and issubclass(usual.http, UvicornProtocol)
    monkeypatch.delattr(HttpToolsProtocol, "_unset_keepalive_if_required")
    assert find_missing_members() == ["_unset_keepalive_if_required"]
    assert server.build_server_config(answer, "127.0.0.1", 0).http is HttpToolsProtocol


def test_the_redis_library_holds_the_streams_of_its_connection() -> None:
    connection: Any = redis.asyncio.Connection()
    assert connection._reader is connection._writer is None
    assert "self._writer" in inspect.getsource(redis.asyncio.Connection._connect)


def test_the_drivers_summary_of_a_result_is_replaced_by_the_rows_read(store: Store) -> None:
    if get_target().directory is None:
        pytest.skip("a server counts them itself")
    assert client.query("SELECT sum(number) FROM numbers(1000)").rows_read == 1000
    with client.client() as connection:
        opened: Any = connection
        assert callable(opened._backend._release.detach)


def test_a_client_without_a_release_is_detached_by_doing_nothing() -> None:
    embedded.detach_client(cast(Any, object()))


def test_the_goal_form_leaves_the_model_to_its_service() -> None:
    assert callable(vars(forms.models.BaseModelForm)["_post_clean"])
    form = GoalForm({"name": "x", "kind": "nothing of the kind"}, instance=Goal())
    form.is_valid()
    assert form.instance.name == "", "the form does not write into the object"


def test_django_keeps_settings_that_were_read_where_fast_settings_look(settings: Settings) -> None:
    assert get_setting("BASE_URL") == django_settings.BASE_URL
    assert "BASE_URL" in object.__getattribute__(django_settings, "__dict__")
    settings.BASE_URL = "https://changed.example"
    assert get_setting("BASE_URL") == "https://changed.example"
