"""The endpoint of the Stats API: parameters in, one of four formats out; an error is a sentence with status 200."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.account_limits import DEFAULT_LIMITS, load_account_limit
from accounts.security.client_ip import get_client_key
from accounts.security.rate_limits import RateLimit, RequestCount, count_request
from reports.clicky import outputs
from reports.clicky.outputs import ClickyError
from reports.clicky.result_links import ResultLinks
from reports.clicky.stats_request import find_site, parse_request
from reports.clicky.types import build_result
from tracking.store import StoreError
from tracking.web import JAVASCRIPT

PER_MINUTE = DEFAULT_LIMITS["clicky_per_minute"]  # requests of one address
SCRIPT_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d+\])*", re.ASCII)
MAX_NAME_LENGTH = 128
log = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST", "OPTIONS"])
def stats(request: HttpRequest, version: int = 4) -> HttpResponse:
    """Answer `/api/stats/4` and its older addresses; all versions are answered alike."""
    if request.method == "OPTIONS":
        return allow_all_origins(HttpResponse(status=204))
    params = read_parameters(request)
    now, output = clock.now(), choose_output(params)
    allowance: RequestCount | None = None
    try:
        site = find_site(params)
        allowance = take_allowance(request, now, load_account_limit(site.account_id, "clicky_per_minute"))
        if allowance.retry_after:
            return build_limit_response(output, params, allowance)
        links = ResultLinks(f"{request.scheme}://{request.get_host()}", site)
        body = outputs.RENDERERS[output](build_result(parse_request(site, params, now, links)))
    except ClickyError as error:
        allowance = allowance or take_allowance(request, now, PER_MINUTE)
        if allowance.retry_after:
            return build_limit_response(output, params, allowance)
        body = outputs.render_error(str(error), output)
    except StoreError as error:
        log.warning("a query of the Stats API failed in the store: %s", error)
        return build_response(outputs.render_error("Temporarily unavailable.", output), output, params, allowance, 503)
    return build_response(body, output, params, allowance)


def read_parameters(request: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of the URL and of a form sent by POST; the first value of a repeated one."""
    params = {name: values[0] for name, values in request.GET.lists() if values}
    if request.method == "POST":
        params |= {name: values[0] for name, values in request.POST.lists() if values}
    return params


def choose_output(params: Mapping[str, str]) -> str:
    """Return xml, json, php or csv; anything else is xml, Clicky's default."""
    output = params.get("output", "").strip().lower()
    if output in outputs.RENDERERS:
        return output
    return "json" if params.get("json_callback") or params.get("json_var") else "xml"


def take_allowance(request: HttpRequest, now: datetime, maximum: int) -> RequestCount:
    return count_request(RateLimit("clicky", maximum, 60), get_client_key(request), now)


def build_limit_response(output: str, params: Mapping[str, str], allowance: RequestCount) -> HttpResponse:
    sentence = f"Too many requests: at most {allowance.maximum} per minute."
    response = build_response(outputs.render_error(sentence, output), output, params, allowance, 429)
    response["Retry-After"] = str(allowance.retry_after)
    return response


def build_response(
    body: bytes, output: str, params: Mapping[str, str], allowance: RequestCount | None, status: int = 200
) -> HttpResponse:
    """Build the response with its headers, wrapped into a script if the parameters request that."""
    content_type = outputs.CONTENT_TYPES[output]
    if output == "json":
        body, content_type = wrap_script(body, params, content_type)
    response = allow_all_origins(HttpResponse(body, content_type=content_type, status=status))
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    if allowance is not None and allowance.maximum:
        response["X-RateLimit-Limit"] = str(allowance.maximum)
        response["X-RateLimit-Remaining"] = str(allowance.remaining)
    return response


def wrap_script(body: bytes, params: Mapping[str, str], content_type: str) -> tuple[bytes, str]:
    """Return the body as `callback([…]);` or `var name = […];`, and its content type.

    A name that is not a JavaScript name is ignored, so that nobody can inject a script.
    """
    callback, variable = params.get("json_callback", ""), params.get("json_var", "")
    script = JAVASCRIPT.decode()
    body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    if is_script_name(callback):
        return callback.encode() + b"(" + body + b");", script
    if is_script_name(variable):
        return b"var " + variable.encode() + b" = " + body + b";", script
    return body, content_type


def is_script_name(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and SCRIPT_NAME.fullmatch(text) is not None


def allow_all_origins(response: HttpResponse) -> HttpResponse:
    """Let scripts of any page read the response: only the key in the address protects it."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = "*"
    response["Access-Control-Expose-Headers"] = "X-RateLimit-Limit, X-RateLimit-Remaining, Retry-After"
    return response
