"""Pixels, scripts, and arbitrary requests to the redirector."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account
from config.asgi import respond_immediately
from links.models import DatapointKind
from links.redirect import redirector, responses
from links.redirect.click_pipeline import LinkRequest
from links.services.links import datapoint_create
from links.services.scripts_and_lists import script_write
from tests.support import state
from tests.support.links import CHROME, NOON, Browser, count_metrics, create_link, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def test_a_pixel_is_an_image_or_an_empty_page_and_counts_views(account: Account) -> None:
    pixel = datapoint_create(account=account, kind=DatapointKind.PIXEL, title="newsletter")
    refresh_caches()
    browser = Browser()
    image = browser.open(f"/l/{pixel.alias}?c=1234567&r=https%3A%2F%2Fblog.test%2Fpost", at=NOON)
    frame = browser.open(f"/l/{pixel.alias}", at=NOON, sec_fetch_dest="iframe")
    assert image.body.startswith(b"GIF89a") and frame.headers["content-type"].startswith("text/html")
    assert count_metrics(account, "pixel_views", "unique_pixel_views", "clicks") == {
        "pixel_views": 2, "unique_pixel_views": 1, "clicks": 0,
    }  # fmt: skip
    assert count_metrics(account, "pixel_views", by="referrer_domain")["blog.test"] == 1


@pytest.mark.parametrize("name", ["pixel.js", "pixelNew.js", "conversion.js"])
def test_scripts_are_served(name: str, account: Account) -> None:
    answer = Browser().open(f"/js/{name}")
    assert answer.status == 200 and b"ClickMeter_" in answer.body


@pytest.mark.parametrize("agent", [CHROME, "\x00", "a" * 5000])
@pytest.mark.parametrize("path", ["/l/", "/l/%00", "/l/offer/../x", "/l/" + "a" * 3000, "/l/offer?" + "x=1&" * 3000])
def test_no_request_causes_a_server_error(account: Account, path: str, agent: str) -> None:
    create_link(account)
    assert Browser(agent=agent, cookies={"ff_clicks": "x.y", "ff_walk_x": "1"}).open(path).status < 500


@pytest.mark.parametrize("path", ["/l/offer", "/l/offer?a=b", "/l/none", "/l/secret", "/l/offer.qr", "/js/pixel.js"])
def test_immediate_responses_equal_those_of_the_application(account: Account, path: str) -> None:
    create_link(account)
    create_link(account, "secret", password="let me in")
    bare, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "GET", "path": bare, "query_string": query.encode(),
        "scheme": "http", "client": ("203.0.113.9", 1), "http_version": "1.1",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"user-agent", CHROME.encode())],
    }  # fmt: skip
    found = respond_immediately(scope)
    answer = Browser().open(path)
    assert found is not None
    status, head, body = found
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line]
    assert (status, body) == (answer.status, answer.body) and dict(lines) == answer.headers
    assert respond_immediately({**scope, "method": "POST"}) is None
    assert respond_immediately({**scope, "path": "/links"}) is None


def test_a_path_below_l_on_another_host_is_not_a_link(account: Account) -> None:
    create_link(account, "inner", url="https://elsewhere.test/")
    create_link(account, "outer", url="https://shop.test/l/inner")
    create_link(account, "nested", url="http://127.0.0.1:8000/l/inner")
    assert Browser().open("/l/outer").location == "https://shop.test/l/inner"
    assert Browser().open("/l/nested").location == "https://elsewhere.test/"


@pytest.mark.parametrize(
    "answered", [redirector.answer_get, lambda request: asyncio.run(redirector.answer_request(request))]
)
def test_a_qr_code_of_too_long_a_url_is_not_drawn(account: Account, answered: Any) -> None:
    """Whoever asks chooses the host, and drawing 2,000 characters holds up everybody else for seconds."""
    create_link(account)
    for host, path, status in (
        ("a" * 200, "/l/offer.qr", 200), ("a" * 2000, "/l/offer.qr", 400), ("go.test", f"/l{'/' * 2000}offer.qr", 400),
    ):  # fmt: skip
        request = LinkRequest(
            state=state.current(), method="GET", path=path, query=b"scale=40", headers={"host": host},
            peer="203.0.113.9", now=NOON,
        )  # fmt: skip
        assert answered(request).status == status


def test_scripts_that_are_slow_to_parse_delay_no_other_request() -> None:
    reply = responses.render_interstitial("https://shop.test/", ["<script " * 300_000], coded=False, sandboxed=True)
    assert reply.body.count(b"<script nonce=") == 300_001


def test_a_script_tag_gets_the_nonce_once_unless_it_names_one() -> None:
    html = '<SCRIPT async src="https://x.test/a.js"></script><script\nNonce="mine">1</script><scripts>'
    assert responses.add_nonce(html, "n") == (
        '<script nonce="n" async src="https://x.test/a.js"></script><script\nNonce="mine">1</script><scripts>'
    )


def test_the_number_of_scripts_on_a_link_is_limited(account: Account) -> None:
    scripts = [script_write(account=account, name=str(number), text="x()") for number in range(21)]
    create_link(account, scripts=scripts[:20])
    with pytest.raises(ValidationError, match="at most 20 retargeting scripts"):
        create_link(account, "more", scripts=scripts)
