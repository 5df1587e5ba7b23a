"""Malformed bodies (too large, nested too deep, not JSON): every API says what is wrong."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.core.cache import caches
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.models import Account, User
from links.models import Group
from sites.models import Site
from tests.support.clickmeter_client import Program

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
JSON, FORM, XML = "application/json", "application/x-www-form-urlencoded", "application/xml"
DEEP = 20_000
GROUP = '<?xml version="1.0" encoding="utf-16"?>%s<Group><name>%s</name></Group>'
DOCTYPE = '<!DOCTYPE Group [<!ENTITY word "entity">]>'

JSON_BODIES = {
    "a deep list": b"[" * DEEP + b"]" * DEEP,
    "a deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "no JSON": b"{broken",
    "not UTF-8": b'{"name":"\xff\xfe"}',
    "half a character": b'{"name":"\\ud800"}',
}
CLICKMETER_BODIES: dict[str, tuple[str, bytes]] = {
    **{name: (JSON, body) for name, body in JSON_BODIES.items()},
    "an object as deep as the stack": (JSON, b'{"a":' * 900 + b"1" + b"}" * 900),
    "a deep form": (FORM, b"a" + b"[b]" * DEEP + b"=1"),
    "a form of very many fields": (FORM, b"&".join(b"a%d=1" % number for number in range(5000))),
    "a deep document": (XML, b"<a>" * DEEP + b"</a>" * DEEP),
    "a document type": (XML, b"<!DOCTYPE x><Group><name>a</name></Group>"),
    "a document type in UTF-16": (XML, (GROUP % (DOCTYPE, "&word;")).encode("utf-16")),
    "a document type in UTF-16 without a mark": (XML, (GROUP % (DOCTYPE, "&word;")).encode("utf-16-le")),
    "no document": (XML, b"<Group><name>"),
}


@pytest.mark.parametrize("what", CLICKMETER_BODIES)
def test_the_links_api_explains_an_invalid_body(what: str, owner: Program, account: Account) -> None:
    kind, body = CLICKMETER_BODIES[what]
    for method, path in (("POST", "/groups"), ("PUT", "/datapoints/batch"), ("GET", "/groups")):
        answer = owner.call(method, path, body, CONTENT_TYPE=kind)
        told = json.loads(answer.content)
        assert (answer.status_code, told["httpErrorCode"], told["errorCode"]) == (400, 400, "0400"), told
        assert told["message"].startswith(("The body is n", "A form has"))
    assert not Group.objects.exists()


def test_an_xml_body_in_utf_16_is_read(owner: Program) -> None:
    made = owner.call("POST", "/groups", (GROUP % ("", "Grüße")).encode("utf-16"), CONTENT_TYPE=XML)
    assert made.status_code == 200 and Group.objects.get().name == "Grüße"


def test_json_with_a_byte_order_mark_is_read(owner: Program) -> None:
    assert owner.call("POST", "/groups", b"\xef\xbb\xbf" + b'{"name": "Spring"}').status_code == 200


def test_too_many_query_parameters_are_rejected(owner: Program) -> None:
    query = "&".join(f"a{number}=1" for number in range(5000))
    assert owner.get(f"/groups?{query}", status=400)["message"] == "The address has too many parameters."


def test_the_links_api_rejects_too_large_a_body(owner: Program) -> None:
    for method, path in (("POST", "/datapoints"), ("PUT", "/datapoints/batch"), ("DELETE", "/datapoints/batch")):
        answer = owner.call(method, path, b'{"name": "' + b"x" * 3_000_000 + b'"}')
        assert answer.status_code == 413 and answer["Access-Control-Allow-Origin"] == "*"
        assert json.loads(answer.content) == {
            "errorCode": "0413", "httpErrorCode": 413, "message": "The body is too large; send at most 2.5 MB.",
        }  # fmt: skip


def send_in_chunks(path: str, body: bytes, kind: str, **headers: str) -> HttpResponseBase:
    """A POST as the ASGI server passes it to Django: of a body in chunks nobody knows the length."""
    lines = {"content-type": kind, "transfer-encoding": "chunked", "host": "testserver", **headers}
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("203.0.113.7", 5555),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in lines.items()],
    }  # fmt: skip
    handler = BaseHandler()
    handler.load_middleware()
    return handler.get_response(ASGIRequest(scope, BytesIO(body)))


def test_a_body_in_chunks_is_read_like_any_other(owner: Program, account: Account, api_key: str) -> None:
    query = json.dumps({"metrics": ["bounce_rate", "pageviews"]}).encode()
    answer = send_in_chunks("/api/query", query, JSON, x_api_key=api_key)
    assert isinstance(answer, HttpResponse) and set(json.loads(answer.content)["results"]) == {
        "bounce_rate",
        "pageviews",
    }
    made = send_in_chunks("/api/v1/sites", b'{"domain": "two.test"}', JSON, authorization=f"Bearer {account.authkey}")
    assert made.status_code == 201 and Site.objects.filter(domain="two.test").exists()
    group = send_in_chunks("/clickmeter/groups", b"name=Spring", FORM, x_clickmeter_authkey=account.authkey)
    assert group.status_code == 200 and Group.objects.filter(name="Spring").exists()


MANAGEMENT = (
    ("POST", "/api/v1/sites"), ("PATCH", "/api/v1/sites/{site}"), ("POST", "/api/v1/sites/{site}/keys"),
    ("POST", "/api/v1/members"), ("PATCH", "/api/v1/account"), ("PATCH", "/api/v1/members/{member}"),
)  # fmt: skip


def send(method: str, address: str, body: bytes, kind: str, **headers: Any) -> Any:
    caches["requests"].clear()
    return Client().generic(method, address, body, content_type=kind, **headers)


@pytest.mark.parametrize("target", MANAGEMENT, ids=lambda target: " ".join(target))
def test_the_management_api_explains_an_invalid_body(
    target: tuple[str, str], account: Account, alice: User, site: Site
) -> None:
    key = {"HTTP_AUTHORIZATION": f"Bearer {account.authkey}"}
    method = target[0]
    address = target[1].replace("{site}", str(site.pk)).replace("{member}", str(alice.memberships.get().pk))
    for what, body in JSON_BODIES.items():
        answer = send(method, address, body, JSON, **key)
        error = json.loads(answer.content)["error"]
        assert answer.status_code == 400 and error["code"] == "invalid", what
        assert error["message"].startswith("The body is not JSON"), what
    fields = b"&".join(b"a%d=1" % number for number in range(5000))
    for kind, body, status in ((JSON, b"[" + b"1," * 2_000_000 + b"1]", 413), (FORM, fields, 400)):
        answer = send(method, address, body, kind, **key)
        error = json.loads(answer.content)["error"]
        assert answer.status_code == status and error["message"].startswith(
            ("The body is too large", "The body has too")
        )


@pytest.mark.parametrize("what", JSON_BODIES)
def test_the_query_api_explains_an_invalid_body(what: str, api_key: str) -> None:
    answer = send("POST", "/api/query", JSON_BODIES[what], JSON, HTTP_X_API_KEY=api_key)
    assert answer.status_code == 400 and "The body is not JSON" in json.loads(answer.content)["message"]
