"""Refusing a client that goes on after it was refused, before Django does anything for its request.

A form for strangers (log-in, sign-up, reset, the password of a shared report) that is over a limit of attempts is
answered by its view with 429 and the whole page, which takes some 4 ms of the processor. A client that sends on
regardless could occupy a processor with such answers. So after MAX_REFUSED of them within WINDOW_SECONDS its further
forms for the same address are refused here. Once in PROBE_SECONDS one passes, since only the view knows the limits.

Each process learns from its own answers, so nothing waits for Redis. A device whose signed cookie says that a right
password was sent from it has limits of its own, so a few of its forms pass.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from accounts.security.client_ip import get_rate_limit_key, is_trusted_proxy
from accounts.security.rate_limits import format_wait_message
from accounts.security.recognized_devices import LOGIN_DEVICES, SHARE_DEVICES
from config.serving.body_limits import discard_rest
from config.serving.error_responses import send_error_response
from tracking.web import Application, Message, Receive, Scope, Send

PATHS = ("/login", "/signup", "/password/reset", "/share/", "/join/")  # how the addresses of these forms begin
MAX_REFUSED = 10  # answers with 429 that a view gives to one client and address
WINDOW_SECONDS = 60.0
PROBE_SECONDS = 10.0
MAX_DEVICE_FORMS = 5  # of one recognized device in PROBE_SECONDS
MAX_PATH = 200  # characters that are kept of an address
MAX_KEPT = 10_000  # clients and addresses; the oldest ones are forgotten
RESET_HINT = " Or reset your password: we mail you a link."
RefusalKey = tuple[str, str]  # a client (`get_rate_limit_key`) or a device, and the path of the form


@dataclass(slots=True)
class CountedForms:
    """The forms that were counted of one client or device since `began`; of a refused client also when its limit ends,
    and when the next form may reach the view."""

    began: float
    count: int = 0
    limit_ends: float = 0.0
    next_probe: float = 0.0


class RefusedClients:
    """The clients that views have refused lately, and what else recognized devices sent from there. Times are those of
    a monotonic clock.
    """

    def __init__(self) -> None:
        self.refusals: dict[RefusalKey, CountedForms] = {}
        self.devices: dict[RefusalKey, CountedForms] = {}

    def check_form(self, key: RefusalKey, device: str, now: float) -> int:
        """Return the seconds that the client has to wait; 0 if its form may reach the view, which is then noted."""
        found = self.refusals.get(key)
        if found is None or found.count < MAX_REFUSED:
            return 0
        if device and self.count_device((device, key[1]), now) <= MAX_DEVICE_FORMS:
            return 0
        if now >= found.next_probe:
            found.next_probe = now + PROBE_SECONDS
            return 0
        return max(1, round(found.limit_ends - now))

    def count_device(self, key: RefusalKey, now: float) -> int:
        """Count a form of a recognized device; return how many it has sent in PROBE_SECONDS."""
        found = get_or_begin(self.devices, key, now, PROBE_SECONDS)
        found.count += 1
        return found.count

    def note_answer(self, key: RefusalKey, wait: int, now: float) -> None:
        """Note what a view answered: that the client has to wait some seconds, or (0) that it is not refused."""
        if not wait:
            # Only after a probe: else other answers in between, such as to an empty form, would prevent refusals
            if (probed := self.refusals.get(key)) and probed.count >= MAX_REFUSED:
                del self.refusals[key]
            return
        found = get_or_begin(self.refusals, key, now, WINDOW_SECONDS)
        found.count += 1
        if found.count >= MAX_REFUSED:
            found.began = now  # so that it lasts from one probe to the next
        found.limit_ends, found.next_probe = now + wait, now + min(wait, PROBE_SECONDS)

    def forget(self) -> None:
        """Forget everybody."""
        self.refusals.clear()
        self.devices.clear()


def get_or_begin(kept: dict[RefusalKey, CountedForms], key: RefusalKey, now: float, seconds: float) -> CountedForms:
    """Return what is kept of a key, anew if it began too long ago; forget the oldest ones beyond MAX_KEPT."""
    found = kept.get(key)
    if found is None or now - found.began > seconds:
        kept.pop(key, None)
        found = kept[key] = CountedForms(now)
        if len(kept) > MAX_KEPT:
            del kept[next(iter(kept))]
    return found


refused_clients = RefusedClients()


async def refuse_repeated(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` respond, unless the client was refused at this address again and again."""
    client = find_client(scope)
    if not client:
        await app(scope, receive, send)
        return
    key = (client, scope["path"][:MAX_PATH])
    if wait := refused_clients.check_form(key, find_device(scope), time.monotonic()):
        await refuse(wait, scope, receive, send)
        return

    async def note_answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            refused_clients.note_answer(key, read_wait(message), time.monotonic())
        await send(message)

    await app(scope, receive, note_answer)


def find_client(scope: Scope) -> str:
    """Find the client that sent a form of PATHS; "" for other requests, and for one that may come from anybody."""
    if scope["method"] != "POST" or not scope["path"].startswith(PATHS):
        return ""
    address = (scope.get("client") or ("",))[0]
    return "" if not address or is_trusted_proxy(address) else get_rate_limit_key(address)


def find_device(scope: Scope) -> str:
    """Find the id of the recognized device that sent a request; "" if it is not recognized."""
    cookies = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    return LOGIN_DEVICES.find_device(cookies) or SHARE_DEVICES.find_device(cookies) if cookies else ""


def read_wait(message: Message) -> int:
    """Read the seconds in the Retry-After of a response with 429; 0 for any other response."""
    if message["status"] != 429:
        return 0
    text = next((value for name, value in message["headers"] if name.lower() == b"retry-after"), b"")
    return max(1, int(text)) if text.isdigit() else int(WINDOW_SECONDS)


async def refuse(wait: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with 429 and a short page. What the client still sends is discarded, so that it reads the response."""
    sentence = format_wait_message(wait) + (RESET_HINT if scope["path"].startswith("/login") else "")
    await send_error_response(scope, send, 429, sentence, more_body=True, retry_after=wait)
    await discard_rest(receive)
    await send({"type": "http.response.body", "body": b""})
