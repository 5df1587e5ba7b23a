"""Every column that may hold a secret is declared here with how it is stored; an undeclared one fails."""

from __future__ import annotations

import re

from django.apps import apps

from accounts.security.encrypted_fields import list_encrypted_columns

SUSPICIOUS = re.compile(
    r"token|secret|key|password|hash|headers|target|authori|credential|cookie|salt|code|proof", re.I
)
# hashed: only looked up or compared. encrypted: needed again, in clear. derived: worked out from SECRET_KEY and numbers
# that open nothing. public: no secret, although it sounds like one.
KEPT = {
    "accounts.User.password": "hashed",
    "accounts.Account.authkey_hash": "hashed",
    "accounts.Account.key_generation": "derived",
    "accounts.Account.key_seed": "derived",
    "accounts.Membership.authkey_hash": "hashed",
    "accounts.Membership.key_generation": "derived",
    "accounts.Membership.key_seed": "derived",
    "accounts.Invitation.token_hash": "hashed",
    "accounts.SecretKeyFingerprint.salt": "public",  # of a slow hash
    "accounts.PersonalToken.hash": "hashed",
    "accounts.IdempotentRequest.key": "public",  # the sender's own name of a request
    "accounts.IdempotentRequest.caller": "public",  # ids of rows
    "accounts.IdempotentRequest.answer": "encrypted for a day",  # by its service; never encrypted again
    "audit.AuditChain.key": "encrypted",
    "audit.AuditChain.anchor": "public",  # an HMAC
    "audit.AuditEntry.target_type": "public",  # what an action was done to
    "audit.AuditEntry.target_id": "public",
    "audit.AuditEntry.target_label": "public",
    "exports.Export.membership": "public",
    "notices.Notice.key": "public",  # which event it is about
    "sites.Site.key_generation": "derived",
    "sites.Site.proxy_secret": "encrypted",
    "sites.Site.cookies": "public",  # whether the tracker may set one
    "sites.Site.excluded_countries": "public",
    "sites.ApiKey.hash": "hashed",
    "alerts.Channel.target": "encrypted",
    "alerts.Channel.secret": "encrypted",
    "alerts.Delivery.key": "public",  # which occasion it is about
    "uptime.Monitor.headers": "encrypted",
    "sharing.Share.token": "encrypted",
    "sharing.Share.token_hash": "hashed",
    "sharing.Share.password": "hashed",
    "onsite.WidgetSession.code_hash": "hashed",
    "onsite.WidgetSession.token_hash": "hashed",
    **dict.fromkeys((f"onsite.WidgetSession.{name}" for name in ("code_expires", "token_expires", "used")), "public"),
    "goals.Goal.conversion": "public",  # counts in a key figure
    "links.Conversion.code": "public",  # stands in the pages that report it
    "links.Datapoint.alias_key": "public",  # the alias in lower case
    "links.Datapoint.password": "hashed",
    "links.Datapoint.encode_url": "public",
    "links.Datapoint.encode_ip": "public",
    "links.ListEntry.code": "public",  # a number in another form
    "account.EmailConfirmation.key": "public",  # an empty table: codes are mailed, not links
    "auth.Permission.codename": "public",
    "sso.SsoConnection.client_secret": "encrypted",
    # Empty tables: clients are built from our rows and the environment, tokens of providers are not kept
    **dict.fromkeys(("socialaccount.SocialApp.secret", "socialaccount.SocialApp.key"), "public"),
    "socialaccount.SocialApp.client_id": "public",
    **dict.fromkeys(("socialaccount.SocialToken.token", "socialaccount.SocialToken.token_secret"), "public"),
    "sessions.Session.session_key": "hashed",
    "usersessions.UserSession.session_key": "hashed",
}


def suspicious_columns() -> set[str]:
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if SUSPICIOUS.search(f"{field.name} {field.help_text}"):
                found.add(f"{model._meta.label}.{field.name}")
    return found


def test_every_column_that_may_hold_a_secret_declares_how_it_is_stored() -> None:
    assert suspicious_columns() - set(KEPT) == set(), "say in KEPT how they are kept"


def test_exactly_the_columns_declared_as_encrypted_are_encrypted() -> None:
    encrypted = {f"{model._meta.label}.{field}" for model, field in list_encrypted_columns()}
    assert encrypted == {name for name, kept in KEPT.items() if kept == "encrypted"}
