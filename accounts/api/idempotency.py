"""The header `Idempotency-Key` of POST requests: a request that is sent twice is done once."""

from __future__ import annotations

import hashlib

import orjson
from django.utils import timezone as clock
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import IdempotentRequest, Membership
from accounts.permissions import Bearer
from accounts.services.idempotency import (
    idempotent_request_answer,
    idempotent_request_claim,
    idempotent_request_release,
    read_answer,
)

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY_LENGTH = 255


class RequestInProgress(exceptions.APIException):
    """The first request with the key is being answered."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "A request with this Idempotency-Key is being answered. Send it again in a moment."


class KeyOfAnotherRequest(exceptions.APIException):
    """The key was sent with another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request in the last 24 hours. Use a new one."


class StoredAnswer(Exception):
    """The request was answered before."""

    def __init__(self, row: IdempotentRequest) -> None:
        super().__init__(row)
        self.row = row


def claim_request(request: Request, membership: Membership) -> IdempotentRequest | None:
    """Claim the key of a POST request; None if it has none.

    Raises ValidationError for an invalid key, StoredAnswer, RequestInProgress and KeyOfAnotherRequest.
    """
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None or request.method != "POST":
        return None
    if not (1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        sentence = f"Must be 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        raise exceptions.ValidationError({IDEMPOTENCY_HEADER: [sentence]})
    caller = format_caller(request, membership)
    fingerprint = compute_request_hash(request, caller)
    row, is_first = idempotent_request_claim(
        account=membership.account, caller=caller, key=key, fingerprint=fingerprint, now=clock.now()
    )
    if is_first:
        return row
    if row.fingerprint != fingerprint:
        raise KeyOfAnotherRequest
    if row.status is None:
        raise RequestInProgress
    raise StoredAnswer(row)


def format_caller(request: Request, membership: Membership) -> str:
    """Format who sends the request: a membership and its token; "" for the account's key, and a person who reaches the
    account through their agency by the number of their user."""
    if membership.pk is None and membership.user_id is not None:
        return f"user {membership.user_id}"
    token = request.user.token if isinstance(request.user, Bearer) else None
    return " ".join(str(row.pk) for row in (membership, token) if row is not None and row.pk is not None)


def compute_request_hash(request: Request, caller: str) -> str:
    """Compute a hash of who sends what to which address, so that nobody is given another's answer."""
    parts = (caller, request.get_full_path(), request.content_type, hashlib.sha256(request.body).hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def build_stored_response(row: IdempotentRequest) -> Response:
    """Build the answer that was given before. Raises KeyOfAnotherRequest if it cannot be read any more."""
    body = read_answer(row)
    if body is None:
        raise KeyOfAnotherRequest("The answer to this Idempotency-Key can no longer be read. Use a new key.")
    data = orjson.loads(body) if body else None  # an answer with 204 has no body
    return Response(data, status=row.status, headers={REPLAYED_HEADER: "true"})


def store_response(row: IdempotentRequest, response: Response) -> None:
    """Store the answer of success; a request that was refused may be corrected and sent again."""
    if status.is_success(response.status_code):
        body: bytes = JSONRenderer().render(response.data)
        idempotent_request_answer(row=row, status=response.status_code, body=body.decode())
    else:
        idempotent_request_release(row=row)
