"""Clicky's white-label API, `/api/whitelabel/<operation>?auth=`: programs manage an agency's sites, goals, users.

As Clicky's documentation says, an answer is lines of plain text: OK, and below it the ids of what was created; or NOK,
a number and a sentence. The list of sites is XML. `auth` is the account's key. The names of the operations that change
things and of their parameters, and the numbers, were not to be found: they are this product's own, in the words of
Clicky's other APIs. Operations that change things must be sent by POST.

Clicky's users of a white label are the account's guests here: each sees the sites that were given to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import ManagementThrottle
from accounts.keys import hash_key
from accounts.models import Account, Grant, Membership, Right, Role
from accounts.permissions import Bearer, check_not_suspended
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.services import grant_set, member_remove
from accounts.services.invitation_mails import mail_invitation
from accounts.services.invitations import invitation_create
from accounts.validators import normalize_address
from goals.models import Goal, GoalKind, PatternKind
from goals.services import goal_create, goal_delete, goal_update
from reports.clicky.account_views import build_site_row
from reports.clicky.errors import ClickyError, handle_error
from reports.clicky.openapi import describe_whitelabel
from reports.clicky.outputs import Data, OutputRenderer, XmlRenderer
from reports.clicky.views import ClickyView
from reports.query import Period, Query, ask_all
from reports.query.model import split_sites
from sites.models import Site
from sites.selectors import SITE_KIND
from sites.services import site_create, site_delete, site_update

WRONG_KEY = rate_limits.RateLimit("whitelabel-auth", 20, 300)
INVALID_KEY, UNKNOWN_OPERATION, UNKNOWN_SITE = "Invalid auth key.", "Unknown operation.", "Unknown site_id."
UNKNOWN_USER, UNKNOWN_GOAL, MUST_BE_POST = "Unknown user.", "Unknown goal_id.", "Send this operation by POST."
ERROR_NUMBERS = {
    INVALID_KEY: 1, UNKNOWN_OPERATION: 2, UNKNOWN_SITE: 3, UNKNOWN_USER: 4, UNKNOWN_GOAL: 5, MUST_BE_POST: 6,
}  # fmt: skip
INVALID_VALUE = 7
SITE_FIELDS = ("site_id", "hostname", "nickname", "sitekey", "server", "sitekey_admin")
MAX_DIGITS = 18
Lines = list[str]


@dataclass(frozen=True)
class Call:
    """The account whose key was sent, as the administrator that the key acts as, and the parameters."""

    caller: Membership
    params: Mapping[str, str]

    @property
    def account(self) -> Account:
        """The account of the key."""
        return self.caller.account

    def list_sites(self) -> list[Site]:
        """List the sites of the account."""
        return list(Site.objects.filter(account=self.account, deleted=None).order_by("pk"))

    def pick(self, **names: str) -> dict[str, str]:
        """Pick the parameters that were sent: their values, by the names of our own fields."""
        return {field: self.params[name] for name, field in names.items() if name in self.params}

    def find_site(self) -> Site:
        """Find the account's site whose `site_id` was sent. Raises ClickyError."""
        params = self.params
        site = Site.objects.filter(account=self.account, deleted=None, pk=read_number(params, "site_id")).first()
        if site is None:
            raise ClickyError(UNKNOWN_SITE)
        return site

    def find_goal(self) -> Goal:
        """Find the account's goal whose `goal_id` was sent. Raises ClickyError."""
        params, goals = self.params, Goal.objects.filter(site__account=self.account, site__deleted=None)
        goal = goals.filter(pk=read_number(params, "goal_id")).first()
        if goal is None:
            raise ClickyError(UNKNOWN_GOAL)
        return goal

    def find_member(self) -> Membership:
        """Find the account's member by `user_id`, else by `username`, the e-mail address. Raises ClickyError."""
        params = self.params
        if "user_id" in params:
            return self.find_member_by(user_id=read_number(params, "user_id"))
        return self.find_member_by(user__email=normalize_address(params.get("username", "")))

    def find_member_by(self, **condition: object) -> Membership:
        """Find the account's member that meets a condition. Raises ClickyError."""
        member = self.account.memberships.select_related("user", "account").filter(**condition).first()
        if member is None:
            raise ClickyError(UNKNOWN_USER)
        return member


def read_number(params: Mapping[str, str], name: str) -> int:
    """Read the number in a parameter; 0, which nothing has, for anything else."""
    text = params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0


def count_usage(call: Call) -> Lines:
    """Count this month's page views of one site, or of all without `site_id`."""
    params = call.params
    site_id = params.get("site_id", "")
    ids = [site.pk for site in call.list_sites() if site_id in ("", str(site.pk))]
    if site_id and not ids:
        raise ClickyError(UNKNOWN_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    queries = [Query(sites=part, period=month, metrics=("views",)) for part in split_sites(ids)]
    return [str(sum(int(result.rows[0]["views"]) for result in ask_all(queries, now)))]


def create_site(call: Call) -> Lines:
    """Create a site; the lines are its number and its keys."""
    site = site_create(
        account=call.account,
        domain=call.params.get("hostname", ""),
        nickname=call.params.get("nickname", ""),
        timezone=call.params.get("timezone", "UTC"),
    )
    return [str(site.pk), site.sitekey, site.sitekey_admin]


def update_site(call: Call) -> Lines:
    """Change host name, nickname or time zone of a site."""
    fields = call.pick(hostname="domain", nickname="nickname", timezone="timezone")
    site_update(site=call.find_site(), **fields)
    return []


def delete_site(call: Call) -> Lines:
    """Delete a site."""
    site_delete(site=call.find_site())
    return []


@transaction.atomic
def move_site(call: Call) -> Lines:
    """Take a site from one guest and give it to another one, with the same right."""
    params, site, new = call.params, call.find_site(), call.find_member()
    old = call.find_member_by(user_id=read_number(params, "from_user_id"))
    right = Grant.objects.filter(membership=old, kind=SITE_KIND.name, object_id=site.pk).values_list("right", flat=True)
    given = right.first()
    if given is None or new.role != Role.GUEST:
        raise ClickyError(UNKNOWN_USER)
    grant_set(membership=new, kind=SITE_KIND.name, object_id=site.pk, right=given)
    grant_set(membership=old, kind=SITE_KIND.name, object_id=site.pk, right=None)
    return []


def find_user(call: Call) -> Lines:
    """Find a user by name or number; the lines are both."""
    user = call.find_member().user
    return [str(user.pk), user.email]


def create_user(call: Call) -> Lines:
    """Invite a guest to a site. The line is the invitation's link if no mail could be sent."""
    site, right = call.find_site(), Right.WRITE if call.params.get("admin") == "1" else Right.READ
    invitation = invitation_create(
        account=call.account,
        email=call.params.get("username", ""),
        role=Role.GUEST,
        by=call.caller,
        grants=[(SITE_KIND.name, site.pk, right)],
    )
    mailing = mail_invitation(invitation, call.account)
    if mailing.rejection:
        raise ValidationError(mailing.rejection)
    return [mailing.link] if mailing.link else []


def delete_user(call: Call) -> Lines:
    """Remove a user from the account."""
    member_remove(membership=call.find_member(), by=call.caller)
    return []


def list_goals(call: Call) -> Lines:
    """List the goals of a site, a line for each: its number and its name."""
    return [f"{goal.pk} {' '.join(goal.name.split())}" for goal in call.find_site().goals.order_by("pk")]


def create_goal(call: Call) -> Lines:
    """Create a goal: the views of a page, or with no `href` what scripts send. The line is its number."""
    fields = {"kind": GoalKind.MANUAL, "name": "", **pick_goal_fields(call)}
    return [str(goal_create(site=call.find_site(), **fields).pk)]  # type: ignore[arg-type]


def update_goal(call: Call) -> Lines:
    """Change name, page or revenue of a goal."""
    goal_update(goal=call.find_goal(), **pick_goal_fields(call))
    return []


def delete_goal(call: Call) -> Lines:
    """Delete a goal."""
    goal_delete(goal=call.find_goal())
    return []


def pick_goal_fields(call: Call) -> dict[str, object]:
    """Pick the fields of a goal that were sent. A `*` in `href` stands for anything."""
    fields: dict[str, object] = {**call.pick(name="name")}
    if "revenue" in call.params:
        fields["fixed_revenue"] = call.params["revenue"].strip() or None
    if href := call.params.get("href", "").strip():
        kind = PatternKind.WILDCARD if "*" in href else PatternKind.EXACT
        fields |= {"kind": GoalKind.PAGE, "pattern": href, "pattern_kind": kind}
    return fields


READS: dict[str, Callable[[Call], Lines]] = {"usage": count_usage, "users/find": find_user, "goals": list_goals}
WRITES: dict[str, Callable[[Call], Lines]] = {
    "sites/create": create_site, "sites/update": update_site, "sites/delete": delete_site, "sites/move": move_site,
    "users/create": create_user, "users/delete": delete_user,
    "goals/create": create_goal, "goals/update": update_goal, "goals/delete": delete_goal,
}  # fmt: skip


class LinesRenderer(OutputRenderer):
    """Plain text, a line for each value; an error is NOK, its number and its sentence."""

    media_type, format = "text/plain; charset=utf-8", "lines"

    def write(self, data: Data) -> bytes:
        lines: Iterable[object] = data
        if isinstance(data, dict):
            lines = ["NOK", data.get("number") or ERROR_NUMBERS.get(data["error"], 2), data["error"]]
        return "".join(f"{line}\n" for line in lines).encode()


def handle_lines_error(error: Exception, context: dict[str, object]) -> Response | None:
    """Build the data of an exception; an invalid value has a number of its own."""
    response = handle_error(error, context)
    if response is not None and isinstance(error, ValidationError):
        response.status_code, response.data["number"] = 200, INVALID_VALUE
    return response


@describe_whitelabel
class WhitelabelView(ClickyView):
    """`/api/whitelabel/<operation>?auth=`."""

    renderer_classes = [LinesRenderer, XmlRenderer]
    only_renderer = LinesRenderer
    is_readable_by_scripts = False
    throttle_classes = [ManagementThrottle]

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle_lines_error

    def perform_authentication(self, request: Request) -> None:
        """Find the account whose key `auth` is. Wrong keys are limited by client."""
        attempt, key = (WRONG_KEY, get_client_key(request)), self.params.get("auth", "").strip().upper()
        is_limited = rate_limits.count_attempt(attempt)
        account = Account.objects.filter(authkey_hash=hash_key(key)).first() if key and not is_limited else None
        if account is None:
            raise ClickyError(INVALID_KEY)
        rate_limits.undo_attempt(attempt)
        check_not_suspended(account)
        bearer = Bearer(membership=Membership(account=account, role=Role.ADMIN))
        request.user, request.auth = bearer, key  # type: ignore[assignment]

    def get(self, request: Request, operation: str) -> Response:
        call, name = Call(cast(Bearer, request.user).membership, self.params), operation.strip("/").lower()
        if name == "sites":
            request.accepted_renderer = XmlRenderer()
            return Response([build_site_row(site, SITE_FIELDS, {}) for site in call.list_sites()])
        if name in WRITES and request.method != "POST":
            raise ClickyError(MUST_BE_POST)
        run = READS.get(name) or WRITES.get(name)
        if run is None:
            raise ClickyError(UNKNOWN_OPERATION)
        return Response(["OK", *run(call)])
