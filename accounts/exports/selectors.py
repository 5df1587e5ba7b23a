"""Reads of exports, and the links by which a file can be downloaded for an hour."""

from __future__ import annotations

from collections.abc import Collection

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse

from accounts.clients.rules import find_membership_at_client, find_stored_membership
from accounts.exports.models import Export, ExportState
from accounts.exports.registry import EXPORT_KINDS, ExportRequest
from accounts.models import Membership, Role
from accounts.permissions import is_key_locked

LINK_SECONDS = 3_600
SALT = "accounts.exports"


def select_exports(membership: Membership, areas: Collection[str] | None = None) -> QuerySet[Export]:
    """Select the exports of a membership (of the account's key, if it has no user), in some areas only if given."""
    rows = Export.objects.select_related("account", "membership__user", "membership__account__sso")
    stored = find_stored_membership(membership)
    if stored is None and membership.user_id is not None:
        return rows.none()
    own = rows.filter(account=membership.account, membership=stored)
    if areas is None:
        return own
    return own.filter(kind__in=[kind.name for kind in EXPORT_KINDS.values() if kind.area in areas])


def find_membership_of(export: Export) -> Membership | None:
    """Return the membership with whose rights an export is read, in a client's account one that follows from a role in
    the agency. None if it has ended or is locked, as for a token: the file is written and downloaded outside of the
    session, which knows how the person logged in."""
    if export.membership_id is None:
        return Membership(account=export.account, role=Role.ADMIN)
    membership = export.membership
    if membership is None or membership.accepted is None or not membership.user.is_active:
        return None
    if is_key_locked(membership):
        return None
    if membership.account_id == export.account_id:
        return membership
    at_client = find_membership_at_client(membership, export.account)
    return None if at_client is None or is_key_locked(at_client) else at_client


def is_readable(export: Export) -> bool:
    """Whether whoever asked for the export may read such a table now: their rights may have ended since."""
    membership, kind = find_membership_of(export), EXPORT_KINDS.get(export.kind)
    if membership is None or kind is None:
        return False
    try:
        kind.check_parameters(ExportRequest(membership=membership, now=export.created, **export.parameters))
    except ValidationError:
        return False
    return True


def build_download_path(export: Export) -> str:
    """Build the address of the file, which works for LINK_SECONDS for whoever has it; "" while there is no file.

    The address is no promise: the download checks `is_readable`, which asks the database, so lists of the API do not.
    """
    if export.state != ExportState.DONE:
        return ""
    return reverse("accounts:export-file", args=[signing.dumps(export.pk, salt=SALT)])


def find_by_link(token: str) -> Export | None:
    """Find the export of a link; None for one that is wrong or too old, and while the account is suspended."""
    try:
        number = signing.loads(token, salt=SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        return None
    rows = Export.objects.filter(pk=number, state=ExportState.DONE, account__suspended=None)
    return rows.select_related("account", "membership__user", "membership__account__sso").first()
