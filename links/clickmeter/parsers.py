"""Parsers of bodies, and their choice: by the first bytes of the body, since clients send any content type."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import IO, ClassVar
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import defusedxml.ElementTree
import orjson
from defusedxml.common import DefusedXmlException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from links.clickmeter.errors import ApiError
from links.clickmeter.values import Json

MAX_DEPTH = 32  # levels of nested objects; valid requests have at most six
MAX_FIELDS = 1000  # of a form


class LenientParser(BaseParser):
    """A parser of bodies that begin with one of `starts`, whatever their content type is."""

    media_type = "*/*"
    starts: ClassVar[tuple[bytes, ...]] = (b"",)


class JSONObjectParser(LenientParser):
    """Parses a JSON object; a bare list becomes the items of a batch."""

    media_type = "application/json"
    starts = (b"{", b"[")

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None) -> Json:
        """Parse the body into an object with lower-case names. Raises ApiError (400)."""
        try:
            data = lower_names(orjson.loads(trim_body(stream.read())))
        except orjson.JSONDecodeError:
            raise ApiError(400, "The body is not valid JSON.") from None
        return data if isinstance(data, dict) else {"list": data, "entities": data, "patchrequests": data}


class XMLParser(LenientParser):
    """Parses `<Datapoint><tags><Tag>…</Tag></tags></Datapoint>` into nested objects."""

    media_type = "application/xml"
    starts = (b"<", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None) -> Json:
        """Parse the body into an object with lower-case names. Raises ApiError (400)."""
        try:
            data = convert_element(defusedxml.ElementTree.fromstring(trim_body(stream.read()), forbid_dtd=True))
        except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
            raise ApiError(400, "The body is not valid XML without a document type.") from None
        return data if isinstance(data, dict) else {}


class FormParser(LenientParser):
    """Parses a form such as `typeTL[url]=…&tags[]=a` into nested objects: any other body."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None) -> Json:
        """Parse the body into an object with lower-case names. Raises ApiError (400)."""
        fields: Json = {}
        text = trim_body(stream.read()).decode("utf-8", "replace")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise ApiError(400, f"A form has at most {MAX_FIELDS:,} fields.") from None
        for name, value in pairs:
            parts = [part for part in re.split(r"[\[\].]+", name.lower()) if part]
            if len(parts) > MAX_DEPTH:
                raise build_depth_failure()
            if parts:
                set_field(fields, parts, value, many=name.endswith("[]"))
        return fields


class LenientNegotiation(BaseContentNegotiation):
    """Chooses the parser by the body, and the one renderer whatever the client accepts."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        raw = request.body.removeprefix(codecs.BOM_UTF8).lstrip()
        for parser in parsers:
            if isinstance(parser, LenientParser) and raw.startswith(parser.starts):
                return parser
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def trim_body(raw: bytes) -> bytes:
    """Return the body without a byte order mark and white space around it."""
    return raw.removeprefix(codecs.BOM_UTF8).strip()


def lower_names(value: object, depth: int = 0) -> object:
    """Lower all member names of JSON. Raises ApiError (400) for more than MAX_DEPTH levels."""
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH and value:
        raise build_depth_failure()
    if isinstance(value, list):
        return [lower_names(item, depth + 1) for item in value]
    lowered: Json = {}
    for name, item in value.items():
        lowered[str(name).lower()] = lower_names(item, depth + 1) if isinstance(item, dict | list) else item
    return lowered


def build_depth_failure() -> ApiError:
    """Build the error for a body that is nested too deeply."""
    return ApiError(400, f"The body is nested more than {MAX_DEPTH} levels deep.")


def convert_element(element: ElementTree.Element, depth: int = 0) -> object:
    """Convert an element to its text, its members, or its items if several have one name."""
    if depth > MAX_DEPTH:
        raise build_depth_failure()
    members = [(child.tag.rpartition("}")[2].lower(), convert_element(child, depth + 1)) for child in element]
    if not members:
        return (element.text or "").strip()
    names = {name for name, _ in members}
    return [value for _, value in members] if len(members) > len(names) == 1 else dict(members)


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
