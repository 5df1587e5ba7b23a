"""Requests with an `Idempotency-Key`: the first is answered, and its answer is given again for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.models import Account, IdempotentRequest
from accounts.security.encrypted_fields import decrypt, encrypt

RETENTION = timedelta(hours=24)
MAX_ANSWER_TIME = timedelta(minutes=5)  # a request that takes longer was interrupted, and may be sent again


def idempotent_request_claim(
    *, account: Account, caller: str, key: str, fingerprint: str, now: datetime
) -> tuple[IdempotentRequest, bool]:
    """Claim the caller's key for a request; returns its row, and whether this request is the first, to be answered."""
    row = IdempotentRequest(account=account, caller=caller, key=key, fingerprint=fingerprint, created=now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
        return row, True
    except IntegrityError:
        pass
    earlier = IdempotentRequest.objects.filter(account=account, caller=caller, key=key)
    earlier_row = earlier.first()
    if earlier_row is None:  # the other request failed just now
        return row, False
    lifetime = MAX_ANSWER_TIME if earlier_row.status is None else RETENTION
    if now - earlier_row.created < lifetime:
        return earlier_row, False
    # Whoever changes the row that was found is the first of those that repeat it now
    claimed = earlier.filter(pk=earlier_row.pk, created=earlier_row.created).update(
        fingerprint=fingerprint, status=None, answer="", created=now
    )
    earlier_row.refresh_from_db()
    return earlier_row, bool(claimed)


def idempotent_request_answer(*, row: IdempotentRequest, status: int, body: str) -> None:
    """Store the answer of a claimed request."""
    answer = IdempotentRequest.objects.filter(pk=row.pk, created=row.created)
    answer.update(status=status, answer=encrypt(body))


def idempotent_request_release(*, row: IdempotentRequest) -> None:
    """Release the key of a request that did nothing, so that it can be sent again."""
    IdempotentRequest.objects.filter(pk=row.pk, created=row.created, status=None).delete()


def idempotent_requests_clear(*, now: datetime) -> int:
    """Delete the keys of more than a day ago; returns their number."""
    return IdempotentRequest.objects.filter(created__lte=now - RETENTION).delete()[0]


def read_answer(row: IdempotentRequest) -> str | None:
    """Return the stored body; None if no key decrypts it any more."""
    return decrypt(row.answer)
