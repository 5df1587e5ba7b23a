"""`/api/account/sites`: a person's sites with their keys, for clients that ask for a name and a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts, check_credentials
from reports.clicky import outputs
from reports.clicky.errors import ClickyError
from reports.clicky.views import answered, output_of, parameters
from reports.engine import Period, Query, QueryRefused, ask
from reports.engine.period import zone_names
from sites.access import sites_of
from sites.models import Site


@csrf_exempt
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sites(request: HttpRequest) -> HttpResponse:
    """The sites that this person may see: xml (default), json or php. Guessing is made slow, as at the log-in."""
    given = parameters(request)
    output = output_of(given)
    try:
        rows = [site_row(site, user_may_edit) for site, user_may_edit in list_sites(authenticate(request, given))]
    except ClickyError as refused:
        return answered(outputs.error(str(refused), output), output, given, None)
    except TooManyAttempts as refused:
        return retry_later(outputs.error(str(refused), output), output, given, 429, refused.seconds)
    except HashingBusy as refused:
        return retry_later(outputs.error(str(refused), output), output, given, 503, RETRY_SECONDS)
    return answered(written(rows, output), output, given, None)


def authenticate(request: HttpRequest, given: Mapping[str, str]) -> User:
    """Return the user with the request's name and password.

    Raises ClickyError for a wrong one, TooManyAttempts or HashingBusy if the password was not checked.
    """
    name, password = given.get("username", "").strip().lower(), given.get("password", "")
    user = check_credentials(request, name, password) if "\x00" not in name else None
    if user is None:
        raise ClickyError("Invalid username or password.")
    return user


def list_sites(user: User) -> list[tuple[Site, bool]]:
    """Return the sites that the user may see, each with whether the user may edit it."""
    editable = set(sites_of(user, "edit").values_list("pk", flat=True))
    return [(site, site.pk in editable) for site in sites_of(user)]


def retry_later(body: bytes, output: str, given: Any, status: int, seconds: int) -> HttpResponse:
    """An error with Retry-After; unlike other errors of this API it has an HTTP status of its own (429, 503)."""
    response = answered(body, output, given, None, status)
    response["Retry-After"] = str(seconds)
    return response


def site_row(site: Site, may_edit: bool) -> dict[str, str]:
    """One site in Clicky's words; the admin key only for those who may edit."""
    row = {
        "site_id": str(site.pk),
        "sitekey": site.sitekey,
        "hostname": site.domain,
        "nickname": str(site),
        "timezone": site.timezone,
        **numbers(site),
    }
    return {**row, "sitekey_admin": site.sitekey_admin} if may_edit else row


def numbers(site: Site) -> dict[str, str]:
    """Visitors now and today (visits, as Clicky counts)."""
    now, zone = clock.now(), site.timezone if site.timezone in zone_names() else "UTC"
    today = Period.parse("today", zone, now)
    try:
        found = ask(Query(sites=(site.pk,), period=today, metrics=("visits", "online")), now=now).rows[0]
    except QueryRefused:
        return {}
    return {"visitors_online": str(found["online"]), "visitors_today": str(found["visits"])}


def written(rows: list[dict[str, str]], output: str) -> bytes:
    """xml: response/site; json and php: a list; csv: a table."""
    if output == "json":
        return outputs.orjson.dumps(rows)
    if output == "php":
        return outputs.php(rows)
    if output == "csv":
        return outputs.as_csv([outputs.Block("sites", [outputs.Day("", list(rows))])])
    inside = "".join(outputs.element("site", row) for row in rows)
    return f'{outputs.XML}<response status="ok">{inside}</response>\n'.encode()
