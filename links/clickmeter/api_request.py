"""One call: who asks, for which account, with which parameters; everything read leniently, as the old server did.

Names of parameters and members are matched whatever their case; numbers, numeric strings and names of enumerations
are the same thing; unknown members are ignored.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import defusedxml.ElementTree
import orjson
from defusedxml.common import DefusedXmlException
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, UnreadablePostError

from accounts.models import Account, Membership
from accounts.permissions import find_bearer
from links.clickmeter.errors import ApiError, build_parameter_error
from links.permissions import LinkScope, build_link_scope

GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
MAX_LIMIT = 1000
MAX_DEPTH = 32  # levels of nested objects; valid requests have at most six
MAX_FIELDS = 1000  # of a form
TRUE_WORDS = {"true", "1", "yes", "on"}
TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?\Z")

Json: TypeAlias = dict[str, Any]  # an object of a request or a response
Handler: TypeAlias = Callable[..., object]  # (ApiRequest, **values of the path) -> what the response has


@dataclass
class ApiRequest:
    """What a handler gets. `query` and `body` have lower-case names; `scope` says what the caller may see."""

    scope: LinkScope
    now: datetime
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.scope.account

    def get_text(self, name: str, default: str = "") -> str:
        """Return a parameter of the query, trimmed."""
        return self.query.get(name.lower(), default).strip()

    def get_flag(self, name: str) -> bool:
        """Return whether a parameter of the query is true."""
        return self.get_text(name).lower() in TRUE_WORDS

    def get_number(self, name: str, default: int = 0) -> int:
        """Return an integer of the query, the default for anything else."""
        return parse_integer(self.get_text(name), default)

    def get_choice(self, name: str, allowed: tuple[str, ...], default: str = "", required: bool = False) -> str:
        """Return one of a few words, in lower case. Raises ApiError (400) for another one."""
        value = self.get_text(name).lower()
        if not value and not required:
            return default
        if value not in allowed:
            raise build_parameter_error(
                name, f"{name} must be one of {', '.join(word for word in allowed if word)}.", value
            )
        return value

    def get_page(self) -> tuple[int, int]:
        """Return (offset, limit): by default 20 rows, at most MAX_LIMIT."""
        offset, limit = self.get_number("offset"), self.get_number("limit", 20)
        return max(0, min(offset, 10_000_000)), max(1, min(limit, MAX_LIMIT)) if limit else 20

    def get_time(self, name: str) -> datetime | None:
        """Return a time written yyyyMMdd or yyyyMMddHHmmss; None without one. Raises ApiError (400)."""
        value = self.get_text(name)
        return parse_time(value, name) if value else None

    def require_manager(self) -> None:
        """Raise ApiError (403) unless the key is a team member's: plan, guests, lists, conversions and tags need it."""
        if not self.scope.can_manage:
            raise ApiError(403, "This operation needs the master key.", "0403")


def parse_time(text: str, name: str) -> datetime:
    """Parse yyyyMMdd or yyyyMMddHHmmss as UTC. Raises ApiError (400)."""
    match = TIME.match(text.strip())
    try:
        if match is None:
            raise ValueError
        parts = [int(part) for part in match.groups() if part]
        return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        raise build_parameter_error(name, f"{name} is written yyyyMMdd or yyyyMMddHHmmss.", text) from None


def parse_integer(value: object, default: int = 0) -> int:
    """Parse an integer from a number or text; the default for anything else."""
    try:
        number = int(str(value).strip())
    except (TypeError, ValueError):
        return default
    return number if abs(number) < 2**63 else default


def parse_boolean(value: object) -> bool:
    """Parse true, "true", 1, "1", "yes" and "on" as True."""
    return str(value).strip().lower() in TRUE_WORDS


def lower_names(value: object, depth: int = 0) -> object:
    """Lower all member names of JSON. Raises ApiError (400) for more than MAX_DEPTH levels."""
    if depth > MAX_DEPTH:
        raise build_depth_failure()
    if isinstance(value, dict):
        return {str(name).lower(): lower_names(item, depth + 1) for name, item in value.items()}
    return [lower_names(item, depth + 1) for item in value] if isinstance(value, list) else value


def build_depth_failure() -> ApiError:
    """Build the error for a body that is nested too deeply."""
    return ApiError(400, f"The body is nested more than {MAX_DEPTH} levels deep.", "0400")


def read_body(request: HttpRequest) -> Json:
    """Read the body as an object: JSON or XML whatever the content type is, else a form. Raises ApiError (400, 413)."""
    try:
        raw = request.body.removeprefix(codecs.BOM_UTF8).strip()
    except RequestDataTooBig:
        most = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 2**20
        raise ApiError(413, f"The body is too large; send at most {most:g} MB.", "0413") from None
    except UnreadablePostError:
        raise ApiError(400, "The body is incomplete.", "0400") from None
    if not raw:
        return {}
    if raw[:1] in b"{[":
        return read_json(raw)
    if raw.startswith((b"<", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return read_xml(raw)
    return read_form(raw.decode("utf-8", "replace"))


def read_json(raw: bytes) -> Json:
    """Parse a JSON object; a bare list becomes the items of a batch. Raises ApiError (400)."""
    try:
        data = lower_names(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise ApiError(400, "The body is not valid JSON.", "0400") from None
    return data if isinstance(data, dict) else {"list": data, "entities": data, "patchrequests": data}


def read_xml(raw: bytes) -> Json:
    """Parse `<Datapoint><tags><Tag>…</Tag></tags></Datapoint>` into nested objects. Raises ApiError (400)."""
    try:
        data = convert_element(defusedxml.ElementTree.fromstring(raw, forbid_dtd=True))
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
        raise ApiError(400, "The body is not valid XML without a document type.", "0400") from None
    return data if isinstance(data, dict) else {}


def convert_element(element: ElementTree.Element, depth: int = 0) -> object:
    """Convert an element to its text, its members, or its items if several have one name."""
    if depth > MAX_DEPTH:
        raise build_depth_failure()
    members = [(child.tag.rpartition("}")[2].lower(), convert_element(child, depth + 1)) for child in element]
    if not members:
        return (element.text or "").strip()
    names = {name for name, _ in members}
    return [value for _, value in members] if len(members) > len(names) == 1 else dict(members)


def read_form(text: str) -> Json:
    """Parse a form such as `typeTL[url]=…&tags[]=a` into nested objects. Raises ApiError (400)."""
    fields: Json = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ApiError(400, f"A form has at most {MAX_FIELDS:,} fields.", "0400") from None
    for name, value in pairs:
        parts = [part for part in re.split(r"[\[\].]+", name.lower()) if part]
        if len(parts) > MAX_DEPTH:
            raise build_depth_failure()
        if parts:
            set_field(fields, parts, value, many=name.endswith("[]"))
    return fields


def set_field(fields: Json, parts: list[str], value: str, *, many: bool) -> None:
    """Set a form field at its path in nested objects; `many`: append to a list there."""
    target = fields
    for part in parts[:-1]:
        inner = target.setdefault(part, {})
        target = inner if isinstance(inner, dict) else {}
    if not many:
        target[parts[-1]] = value
        return
    values = target.setdefault(parts[-1], [])
    if isinstance(values, list):
        values.append(value)


def find_membership(key: str) -> Membership:
    """Find the membership that a key acts as: a member for their own, else an administrator. Raises ApiError (401)."""
    bearer = find_bearer(key.upper()) if GUID.match(key) else None
    if bearer is None:
        raise ApiError(401, "The key is missing or unknown. Send it as X-Clickmeter-Authkey.", "0401")
    return bearer.membership


def parse_request(request: HttpRequest, now: datetime) -> ApiRequest:
    """Parse and authenticate a request. Raises ApiError (400, 401, 413)."""
    try:
        query = {name.lower(): value for name, value in request.GET.items() if isinstance(value, str)}
    except TooManyFieldsSent:
        raise ApiError(400, "The address has too many parameters.", "0400") from None
    key = request.headers.get("X-Clickmeter-Authkey", "").strip() or query.get("authkey", "").strip()
    if not key:
        raise ApiError(401, "The key is missing. Send it as X-Clickmeter-Authkey.", "0401")
    membership = find_membership(key)
    clean = {name: value.replace("\x00", "") for name, value in query.items()}
    return ApiRequest(build_link_scope(membership), now, clean, read_body(request))
