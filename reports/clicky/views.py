"""The Stats API's door: parameters in, one of four formats out; a refusal is a sentence with status 200."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.limits import DEFAULT_LIMITS
from accounts.security.client_ip import client_key
from reports.clicky import outputs
from reports.clicky.asked import asked, site_of
from reports.clicky.errors import ClickyError
from reports.clicky.links import Links
from reports.clicky.types import answer
from reports.limits import Allowance, per_minute, take
from tracking.store import StoreError

PER_MINUTE = DEFAULT_LIMITS["clicky_per_minute"]  # requests of one address
CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d+\])*", re.ASCII)
LONGEST_NAME = 128
log = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST", "OPTIONS"])
def stats(request: HttpRequest, version: int = 4) -> HttpResponse:
    """`/api/stats/4` and its older addresses; all versions answer alike."""
    if request.method == "OPTIONS":
        return open_to_all(HttpResponse(status=204))
    given = parameters(request)
    now, output = clock.now(), output_of(given)
    allowance: Allowance | None = None
    try:
        facts = site_of(given)
        allowance = take_one(request, now, per_minute(facts.account_id, "clicky_per_minute", PER_MINUTE))
        if allowance.spent:
            return too_many(output, given, allowance)
        links = Links(f"{request.scheme}://{request.get_host()}", facts)
        body = outputs.WRITERS[output](answer(asked(facts, given, now, links)))
    except ClickyError as refused:
        allowance = allowance or take_one(request, now, PER_MINUTE)
        if allowance.spent:
            return too_many(output, given, allowance)
        body = outputs.error(str(refused), output)
    except StoreError as error:
        log.warning("a question failed in the store: %s", error)
        return answered(outputs.error("Temporarily unavailable.", output), output, given, allowance, 503)
    return answered(body, output, given, allowance)


def parameters(request: HttpRequest) -> Mapping[str, str]:
    """The parameters of the URL, and of a form sent by POST; the first of several alike."""
    found = {name: values[0] for name, values in request.GET.lists() if values}
    if request.method == "POST":
        found |= {name: values[0] for name, values in request.POST.lists() if values}
    return found


def output_of(given: Mapping[str, str]) -> str:
    """xml, json, php or csv; anything else is xml, Clicky's default."""
    asked_for = given.get("output", "").strip().lower()
    if asked_for in outputs.WRITERS:
        return asked_for
    return "json" if given.get("json_callback") or given.get("json_var") else "xml"


def take_one(request: HttpRequest, now: datetime, most: int) -> Allowance:
    return take("clicky", client_key(request), most, now)


def too_many(output: str, given: Mapping[str, str], allowance: Allowance) -> HttpResponse:
    sentence = f"Too many requests: at most {allowance.most} per minute."
    response = answered(outputs.error(sentence, output), output, given, allowance, 429)
    response["Retry-After"] = str(allowance.retry_after)
    return response


def answered(
    body: bytes, output: str, given: Mapping[str, str], allowance: Allowance | None, status: int = 200
) -> HttpResponse:
    """The answer with its headers, wrapped for scripts where that was asked for."""
    content_type = outputs.CONTENT_TYPES[output]
    if output == "json":
        body, content_type = wrapped(body, given, content_type)
    response = open_to_all(HttpResponse(body, content_type=content_type, status=status))
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    if allowance is not None and allowance.most:
        response["X-RateLimit-Limit"] = str(allowance.most)
        response["X-RateLimit-Remaining"] = str(allowance.remaining)
    return response


def wrapped(body: bytes, given: Mapping[str, str], content_type: str) -> tuple[bytes, str]:
    """`callback([…]);` or `var name = […];`. A name that is none is ignored, so nothing of a stranger runs."""
    callback, variable = given.get("json_callback", ""), given.get("json_var", "")
    script = "application/javascript; charset=utf-8"
    body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    if is_name(callback):
        return callback.encode() + b"(" + body + b");", script
    if is_name(variable):
        return b"var " + variable.encode() + b" = " + body + b";", script
    return body, content_type


def is_name(text: str) -> bool:
    return len(text) <= LONGEST_NAME and CALLBACK.fullmatch(text) is not None


def open_to_all(response: HttpResponse) -> HttpResponse:
    """Scripts of any page may read the answer: the key in the address is what protects it."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = "*"
    response["Access-Control-Expose-Headers"] = "X-RateLimit-Limit, X-RateLimit-Remaining, Retry-After"
    return response
