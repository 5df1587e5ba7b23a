"""Writes of personal tokens."""

from __future__ import annotations

import secrets
import string
import zlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.account_limits import check_limit
from accounts.audit.recording import record_action
from accounts.keys import hash_key
from accounts.models import OPERATOR_SCOPES, SCOPES, Membership, PersonalToken, User
from accounts.notices.kinds import TOKEN_CREATED
from accounts.notices.services import notify
from accounts.permissions import GRANT_KINDS, PERSONAL_TOKEN_PREFIX, load_grants, membership_may
from accounts.revocation import DependentAccess
from accounts.services.accounts import account_lock

SECRET_CHARACTERS = string.ascii_letters + string.digits
SECRET_LENGTH, CHECKSUM_LENGTH = 36, 6  # 214 random bits, and what tells a token from other text
SHOWN_CHARACTERS = 12
USE_INTERVAL = timedelta(minutes=1)
SITE_KIND = "site"  # the kind of granted objects that tokens can be limited to


def generate_personal_token() -> str:
    """Generate a token. Its last six characters are a checksum, by which secret scanners know it without asking us."""
    secret = "".join(secrets.choice(SECRET_CHARACTERS) for _ in range(SECRET_LENGTH))
    return f"{PERSONAL_TOKEN_PREFIX}{secret}{compute_checksum(secret)}"


def compute_checksum(secret: str) -> str:
    """Compute the CRC-32 of the secret, in six characters to the base 62."""
    number, text = zlib.crc32(secret.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(SECRET_CHARACTERS))
        text = SECRET_CHARACTERS[digit] + text
    return text


@transaction.atomic
def personal_token_create(
    *,
    membership: Membership,
    name: str,
    scopes: Collection[str],
    sites: Collection[int] = (),
    expires: datetime | None = None,
) -> tuple[PersonalToken, str]:
    """Create a token of the person in this account, and return it with its plain text, which is not stored.

    Raises ValidationError by field: for unknown scopes, sites that the person may not see, and above the limit.
    """
    errors, known = {}, list_scopes(membership.user)
    if not scopes or not set(scopes) <= set(known):
        errors["scopes"] = f"Choose at least one scope. There are: {', '.join(known)}."
    if missing := sorted(set(sites) - find_visible_sites(membership, sites)):
        errors["sites"] = f"There is no site {missing[0]} in this account that you may see."
    if errors:
        raise ValidationError(errors)
    account_lock(membership.account)
    used = membership.personal_tokens.count()
    check_limit(membership.account, "tokens_per_member", used=used, field="name", what="tokens per member")
    plain = generate_personal_token()
    token = PersonalToken(membership=membership, name=name.strip(), expires=expires, hash=hash_key(plain))
    token.prefix, token.scopes, token.sites = plain[:SHOWN_CHARACTERS], sorted(set(scopes)), sorted(set(sites))
    token.full_clean()
    token.save()
    record_action("personal_token.created", token)
    notify(TOKEN_CREATED, {"token": token.name}, account=membership.account, person=membership.user)
    return token, plain


def list_scopes(user: User) -> Sequence[str]:
    """List the scopes that a token of the person may have; operators have those of the installation too."""
    return (*SCOPES, *OPERATOR_SCOPES) if user.is_operator else SCOPES


def find_visible_sites(membership: Membership, ids: Collection[int]) -> set[int]:
    """Find which of the sites exist in the account and may be seen by the member."""
    if not ids:
        return set()
    existing = {number for number, _ in GRANT_KINDS[SITE_KIND].existing(membership.account, ids)}
    return existing if membership_may(membership, "view") else existing & load_grants(membership, SITE_KIND).keys()


@transaction.atomic
def personal_token_revoke(*, token: PersonalToken) -> None:
    """Revoke a token for good."""
    record_action("personal_token.revoked", token)
    token.delete()


@transaction.atomic
def personal_tokens_revoke(*, user: User) -> int:
    """Revoke all tokens of a person, in every account; returns how many."""
    tokens = list(PersonalToken.objects.filter(membership__user=user).select_related("membership").order_by("pk"))
    for token in tokens:
        personal_token_revoke(token=token)
    return len(tokens)


def personal_token_use(*, token: PersonalToken, now: datetime) -> None:
    """Note that the token is used now, unless that was noted less than a minute ago."""
    if token.last_used is None or now - token.last_used >= USE_INTERVAL:
        long_ago = Q(last_used=None) | Q(last_used__lte=now - USE_INTERVAL)
        PersonalToken.objects.filter(long_ago, pk=token.pk).update(last_used=now)


def list_ending_tokens(membership: Membership, is_leaving: bool) -> Sequence[PersonalToken]:
    """List the tokens that end when the member leaves. Else none do: they may never do more than the member may. A
    membership at a client, which is not stored, has none."""
    has_tokens = is_leaving and membership.pk is not None
    return list(membership.personal_tokens.order_by("pk")) if has_tokens else []


PERSONAL_TOKENS = DependentAccess(
    "Personal API tokens", list_ending_tokens, lambda token, now: personal_token_revoke(token=token)
)
