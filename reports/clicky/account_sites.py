"""`/api/account/sites`: a user's sites with their keys, for clients that ask for a name and a password."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts, check_credentials
from reports.clicky import outputs
from reports.clicky.dates import find_known_zone
from reports.clicky.outputs import ClickyError
from reports.clicky.views import build_response, choose_output, read_parameters
from reports.query import Period, Query, QueryRefused, ask
from sites.models import Site
from sites.selectors import select_sites


@csrf_exempt
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def account_sites(request: HttpRequest) -> HttpResponse:
    """Answer the sites that the user may see, as xml (default), json, php or csv.

    Wrong passwords count for the same limits as on the log-in page.
    """
    params = read_parameters(request)
    output = choose_output(params)
    try:
        sites = list_sites(authenticate(request, params))
        rows = [build_site_row(site, may_edit) for site, may_edit in sites]
    except ClickyError as error:
        return build_response(outputs.render_error(str(error), output), output, params, None)
    except TooManyAttempts as error:
        return build_retry_response(outputs.render_error(str(error), output), output, params, 429, error.seconds)
    except HashingBusy as error:
        return build_retry_response(outputs.render_error(str(error), output), output, params, 503, RETRY_SECONDS)
    return build_response(render_sites(rows, output), output, params, None)


def authenticate(request: HttpRequest, params: Mapping[str, str]) -> User:
    """Return the user with the request's name and password.

    Raises ClickyError for a wrong one, TooManyAttempts or HashingBusy if the password was not checked.
    """
    name, password = params.get("username", "").strip().lower(), params.get("password", "")
    user = check_credentials(request, name, password) if "\x00" not in name else None
    if user is None:
        raise ClickyError("Invalid username or password.")
    return user


def list_sites(user: User) -> list[tuple[Site, bool]]:
    """Return the sites that the user may see, each with whether the user may edit it."""
    editable = set(select_sites(user, "edit").values_list("pk", flat=True))
    return [(site, site.pk in editable) for site in select_sites(user)]


def build_retry_response(
    body: bytes, output: str, params: Mapping[str, str], status: int, seconds: int
) -> HttpResponse:
    """Build an error with Retry-After; unlike other errors of this API it has a status of its own (429, 503)."""
    response = build_response(body, output, params, None, status)
    response["Retry-After"] = str(seconds)
    return response


def build_site_row(site: Site, may_edit: bool) -> dict[str, str]:
    """Build one site with Clicky's names of fields; the admin key only for those who may edit the site."""
    row = {
        "site_id": str(site.pk),
        "sitekey": site.sitekey,
        "hostname": site.domain,
        "nickname": str(site),
        "timezone": site.timezone,
        **load_visit_numbers(site),
    }
    return {**row, "sitekey_admin": site.sitekey_admin} if may_edit else row


def load_visit_numbers(site: Site) -> dict[str, str]:
    """Return the visitors online and the visits of today, which Clicky calls visitors; {} if they cannot be read."""
    now, zone = clock.now(), find_known_zone(site.timezone)
    today = Period.parse("today", zone, now)
    try:
        row = ask(Query(sites=(site.pk,), period=today, metrics=("visits", "online")), now=now).rows[0]
    except QueryRefused:
        return {}
    return {"visitors_online": str(row["online"]), "visitors_today": str(row["visits"])}


def render_sites(rows: list[dict[str, str]], output: str) -> bytes:
    """Write the sites: `<response><site>` in XML, a list in JSON and PHP, a table in CSV."""
    if output == "json":
        return orjson.dumps(rows)
    if output == "php":
        return outputs.serialize_php(rows)
    if output == "csv":
        return outputs.render_csv([outputs.TypeBlock("sites", [outputs.DateEntry("", list(rows))])])
    elements = "".join(outputs.render_element("site", row) for row in rows)
    return f'{outputs.XML_DECLARATION}<response status="ok">{elements}</response>\n'.encode()
