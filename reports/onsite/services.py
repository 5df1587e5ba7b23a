"""Writes of open widgets: their codes and tokens, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone as clock

from accounts.audit.recording import record_action
from accounts.audit.repetition import record_repeatable
from accounts.audit.subjects import AuditSubject
from accounts.keys import generate_key, hash_key
from accounts.models import User
from accounts.security.rate_limits import AUDIT_CACHE_NAME, RateLimit
from reports.onsite.models import WidgetSession
from sites.models import Site

AUDIT_SUBJECT = AuditSubject(
    name="widget",
    label="On-site widget",
    account="site.account_id",
    verbs=("opened", "closed"),
    shown=frozenset({"site_id", "origin"}),
)
SESSION = timedelta(hours=12)  # then the badge must be pressed again
HANDOVER = timedelta(minutes=1)  # from the window to the frame
TOKEN = timedelta(minutes=10)
MAX_SESSIONS = 20  # of one user on one site
OPENED = RateLimit("audit-widget-opened", 20, 3600, AUDIT_CACHE_NAME)  # by one user on one site


@dataclass(frozen=True)
class WidgetAccess:
    """What a frame gets for a code: a token for `seconds`, and the code for the next one."""

    token: str
    code: str
    seconds: int


@transaction.atomic
def widget_open(*, site: Site, user: User, login: str, origin: str, now: datetime) -> str:
    """Open a widget on an origin of the site and return its first code. `login` is the stored key of the session.

    The user's oldest ones above MAX_SESSIONS end.
    """
    own = WidgetSession.objects.filter(site=site, user=user)
    kept = list(own.order_by("-created", "-pk").values_list("pk", flat=True)[: MAX_SESSIONS - 1])
    own.exclude(pk__in=kept).delete()
    code = generate_key("")
    widget = WidgetSession(
        site=site, user=user, login=login, origin=origin, code_hash=hash_key(code), code_expires=now + HANDOVER,
        created=now, used=now, expires=now + SESSION,
    )  # fmt: skip
    widget.save(force_insert=True)
    changes = {"origin": (None, origin)}
    record_repeatable("widget.opened", widget, limit=OPENED, counted=f"{site.pk} {user.pk}", changes=changes)
    return code


def widget_continue(*, site_id: int, code: str, now: datetime) -> WidgetAccess | None:
    """Exchange a code for a token and the next code; None if it is unknown, used or too old.

    Of two requests with the same code one gets a token: the code is replaced by comparing it.
    """
    token, next_code = generate_key(""), generate_key("")
    rows = WidgetSession.objects.open(now).filter(site_id=site_id, code_hash=hash_key(code), code_expires__gt=now)
    found = rows.first()
    if found is None:
        return None
    replaced = WidgetSession.objects.filter(pk=found.pk, code_hash=found.code_hash).update(
        code_hash=hash_key(next_code), code_expires=found.expires, token_hash=hash_key(token),
        token_expires=min(now + TOKEN, found.expires), used=now,
    )  # fmt: skip
    return WidgetAccess(token, next_code, round(TOKEN.total_seconds())) if replaced else None


@transaction.atomic
def widget_close(*, widget: WidgetSession) -> None:
    """End an open widget: its token and its code open nothing from now on."""
    record_action("widget.closed", widget)
    widget.delete()


def widgets_clear(now: datetime | None = None) -> None:
    """Delete the open widgets that are over, or whose first code nobody used."""
    now = now or clock.now()
    unused = Q(token_hash=None, code_expires__lt=now)
    WidgetSession.objects.filter(Q(expires__lt=now) | unused).delete()
