"""Errors as Clicky writes them: one sentence, mostly with status 200, in the format that the request asks for."""

from __future__ import annotations

import logging

from django.core.exceptions import ValidationError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts
from reports.query import QueryRefused
from reports.query.budgets import BudgetExceeded
from tracking.store import StoreError

log = logging.getLogger(__name__)


class ClickyError(exceptions.APIException):
    """A request that is rejected; the text is Clicky's own where it is documented ("Invalid sitekey.").

    Clients expect status 200. Other statuses tell that the same request may succeed after `wait` seconds.
    """

    def __init__(self, sentence: str, status: int = 200, wait: int | None = None) -> None:
        super().__init__(sentence)
        self.status_code, self.wait = status, wait


def handle_error(error: Exception, context: dict[str, object]) -> Response | None:
    """Build `{"error": sentence}` of an exception, as DRF's exception handler; None, for a bug, becomes a 500."""
    if isinstance(error, QueryRefused):
        error = ClickyError(error.sentence)
    elif isinstance(error, StoreError):
        log.warning("a query of the Stats API failed in the store: %s", error)
        error = ClickyError("Temporarily unavailable.", 503)
    elif isinstance(error, TooManyAttempts | BudgetExceeded):
        error = ClickyError(str(error), 429, error.seconds)
    elif isinstance(error, ValidationError):
        error = ClickyError(error.messages[0], 400)
    elif isinstance(error, HashingBusy):
        error = ClickyError(str(error), 503, RETRY_SECONDS)
    response = exception_handler(error, context)
    if response is not None:
        response.data = {"error": str(error)}
    return response
