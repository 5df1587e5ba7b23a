"""Errors in ClickMeter's format: a body for one error, a list for the errors of a request."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    ValidationError,
)
from django.http import UnreadablePostError
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from accounts.security.hashers import HashingBusy
from links.validators import DOES_NOT_EXIST
from reports.query import QueryRefused
from reports.query.budgets import BudgetExceeded
from tracking.store import UNREADABLE, StoreAway, StoreError

# Our fields -> the names of ClickMeter's members in errors
PROPERTY_NAMES = {
    "alias": "Name", "name": "Name", "url": "Url", "first_url": "FirstUrl", "group": "GroupId", "domain": "DomainId",
    "go_domain": "GoDomainId", "id": "Id", "tags": "Tags", "mode": "DestinationMode", "type": "Type", "kind": "Type",
    "redirect_type": "RedirectType", "weighted": "WeightedDestinationItems", "random": "RandomDestinationItems",
    "sequential": "SequentialDestinationItems", "spillover": "SpilloverDestinationItems",
    "languages": "UrlsByLanguage", "nations": "UrlsByNation", "browser": "BrowserDestinationItem",
    "first": "UniqueDestinationItem", "script": "Script", "ip": "Ip", "value": "Value", "status": "Status",
    "custom_404": "Custom404", "custom_homepage": "CustomHomepage", "url_after_date": "UrlAfterDateExpiration",
    "url_after_clicks": "UrlAfterClicksExpiration", "conversions": "FirstConversionId", "email": "Email",
    "password": "Password", "timezone": "TimeZone", "referrer_clean": "ReferrerClean", "scripts": "Scripts",
    "datapoints": "Datapoints", "groups": "Groups", "expiration_clicks": "ExpirationClicks", "protocol": "Protocol",
}  # fmt: skip
log = logging.getLogger(__name__)


class ApiError(APIException):
    """A response that is not 200. With `errors` the body is their list."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        errors: list[dict[str, object]] | None = None,
        wait: int | None = None,
    ) -> None:
        super().__init__(message)
        self.wait = wait  # seconds, for Retry-After
        self.status_code, self.message, self.code = status, message, code or f"0{status}"
        self.errors = errors

    def build_body(self) -> dict[str, object]:
        if self.errors:
            return {"errors": self.errors}
        return {"errorCode": self.code, "httpErrorCode": self.status_code, "message": self.message}


def build_not_found_error(what: str = "entity") -> ApiError:
    """Build the 404 for something that does not exist in the caller's scope."""
    return ApiError(404, f"Specified {what} does not exist.", "0404")


def build_forbidden_error() -> ApiError:
    """Build the 403 for an operation that the caller's rights do not cover."""
    return ApiError(403, "You have no permission for this operation.", "0403")


def build_parameter_error(name: str, message: str, value: object = None) -> ApiError:
    """Build the error for a parameter that cannot be parsed."""
    row: dict[str, object] = {"property": name[:1].upper() + name[1:], "errorMessage": message, "code": "0010"}
    if value not in (None, ""):
        row["errorValue"] = value
    return ApiError(400, message, "0010", [row])


def list_errors(error: ValidationError) -> list[dict[str, object]]:
    """List the errors of a ValidationError in ClickMeter's format."""
    if not hasattr(error, "error_dict"):
        return [{"property": "", "errorMessage": " ".join(error.messages), "code": "0010"}]
    rows: list[dict[str, object]] = []
    for field, errors in error.error_dict.items():
        for field_error in errors:
            code = "0013" if field_error.code == DOES_NOT_EXIST else "0010"
            rows.append(
                {"property": PROPERTY_NAMES.get(field, field), "errorMessage": field_error.messages[0], "code": code}
            )
    return rows


def build_validation_error(error: ValidationError) -> ApiError:
    """Build the 400 for a write that a service rejected."""
    return ApiError(400, "The request is not valid.", "0010", list_errors(error))


def handle_error(error: Exception, context: object) -> Response | None:
    """Build the response of an exception, as DRF's exception handler; None, for a bug, becomes a 500."""
    translated = translate_error(error)
    if translated is None:
        return None
    headers = {"Retry-After": str(translated.wait)} if translated.wait else {}
    return Response(translated.build_body(), status=translated.status_code, headers=headers)


def translate_error(error: Exception) -> ApiError | None:
    """Translate what services, Django and DRF raise into an error of ClickMeter; None for a bug."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValidationError):
        return build_validation_error(error)
    if isinstance(error, QueryRefused):
        return ApiError(400, str(error), "0010")
    if isinstance(error, APIException):
        return ApiError(error.status_code, str(error.detail), wait=getattr(error, "wait", None))
    if isinstance(error, PermissionDenied):
        return ApiError(403, str(error))
    if isinstance(error, HashingBusy):
        return ApiError(503, str(error))
    if isinstance(error, StoreError):
        log.warning("A report could not read the event store: %s", error, exc_info=not isinstance(error, StoreAway))
        return ApiError(503, UNREADABLE)
    if isinstance(error, BudgetExceeded):
        return ApiError(429, str(error), wait=error.seconds)
    if isinstance(error, RequestDataTooBig):
        most = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 2**20
        return ApiError(413, f"The body is too large; send at most {most:g} MB.")
    if isinstance(error, TooManyFieldsSent):
        return ApiError(400, "The address has too many parameters.")
    if isinstance(error, UnreadablePostError):
        return ApiError(400, "The body is incomplete.")
    return ApiError(400, str(error)) if isinstance(error, SuspiciousOperation) else None
