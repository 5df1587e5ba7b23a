"""Reads of exports, and the links by which a file can be downloaded for an hour."""

from __future__ import annotations

from collections.abc import Collection

from django.core import signing
from django.db.models import QuerySet
from django.urls import reverse

from accounts.exports.models import Export, ExportState
from accounts.exports.registry import EXPORT_KINDS
from accounts.models import Membership

LINK_SECONDS = 3_600
SALT = "accounts.exports"


def select_exports(membership: Membership, areas: Collection[str] | None = None) -> QuerySet[Export]:
    """Select the exports of a membership (of the account's key, if it is not stored), in some areas only if given."""
    own = Export.objects.filter(account=membership.account, membership=membership if membership.pk else None)
    if areas is None:
        return own
    return own.filter(kind__in=[kind.name for kind in EXPORT_KINDS.values() if kind.area in areas])


def build_download_path(export: Export) -> str:
    """Build the address of the file, which works for LINK_SECONDS for whoever has it; "" while there is no file."""
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
    return rows.select_related("account", "membership__user").first()
