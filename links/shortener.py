"""`/app/api`: the URL shortener of the Clicky dialect, which makes a tracked link.

A form of `username`, `password` and `url`, optionally with `title` and `site_id`, is answered with the short
address as plain text. A refusal is a sentence with a status of its own, since the text could be taken for an address.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import Account, Role, User
from accounts.permissions import choose_membership, list_memberships, membership_may
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts
from links.public_urls import build_tracking_url
from links.services.links import datapoint_create
from reports.clicky.account_views import authenticate
from reports.clicky.errors import ClickyError
from reports.clicky.stats_request import is_site_id
from reports.clicky.views import read_parameters
from sites.selectors import select_sites


@csrf_exempt
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def shorten(request: HttpRequest) -> HttpResponse:
    """Create a link to `url` in the account of the site, or in the one the user works in; answer its address."""
    params = read_parameters(request)
    try:
        account = find_account(authenticate(request, params), params.get("site_id", ""))
        link = datapoint_create(account=account, url=params.get("url", ""), title=params.get("title", ""))
    except ClickyError as error:
        return build_text_response(str(error), 403)
    except TooManyAttempts as error:
        return build_text_response(str(error), 429, error.seconds)
    except HashingBusy as error:
        return build_text_response(str(error), 503, RETRY_SECONDS)
    except ValidationError as error:
        return build_text_response(error.messages[0], 400)
    return build_text_response(build_tracking_url(link), 200)


def find_account(user: User, site_id: str) -> Account:
    """Return the account that gets the link. Raises ClickyError if the user may create no links there."""
    memberships = [membership for membership in list_memberships(user) if membership.role != Role.GUEST]
    if site_id:
        site = select_sites(user).filter(pk=int(site_id)).first() if is_site_id(site_id) else None
        if site is None:
            raise ClickyError("Invalid site_id.")
        memberships = [membership for membership in memberships if membership.account_id == site.account_id]
    editable = [membership for membership in memberships if membership_may(membership, "edit")]
    if not editable:
        raise ClickyError("You may not create links.")
    return choose_membership(editable, user.last_account_id).account


def build_text_response(text: str, status: int, retry_seconds: int = 0) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    if retry_seconds:
        response["Retry-After"] = str(retry_seconds)
    return response
