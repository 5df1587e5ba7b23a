"""DRF's renderers of XML, JSON, PHP and CSV, each in the shape that its clients read.

A result is a list of blocks, one per requested type. A block has date entries, newest first; a date entry has items;
an item is a dict of text, or of nested dicts for visitors. In an hourly block each value is a list with one number per
hour, midnight first. A list of sites is a list of items instead of blocks, and an error is `{"error": sentence}`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
from django.utils.safestring import SafeString
from rest_framework.renderers import BaseRenderer

from accounts.spreadsheets import format_csv
from tracking.web import JAVASCRIPT

Item = dict[str, Any]  # name -> text, or a list or an Item of texts
NON_XML_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
SCRIPT_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d+\])*", re.ASCII)
MAX_NAME_LENGTH = 128  # of a callback or variable
NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
XML_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def encode_html(text: str) -> SafeString:
    """Encode what a stranger wrote for HTML, as clients of JSON and PHP expect it; `decode_html` is for the others."""
    return SafeString(html.escape(text))


@dataclass
class DateEntry:
    date: str
    items: list[Item]


@dataclass
class TypeBlock:
    type: str
    days: list[DateEntry]
    error: str = ""  # why this type has no items although others of the request do


StatsResult = list[TypeBlock]
Data = StatsResult | list[Item] | dict[str, str]
Context = Mapping[str, Any] | None


class OutputRenderer(BaseRenderer):
    """Base of the renderers: `write` writes data as bytes. `media_type` is the whole content type."""

    charset = None

    def render(self, data: Data, media_type: str | None = None, context: Context = None) -> bytes:
        return self.write(data)

    def write(self, data: Data) -> bytes:
        raise NotImplementedError


class JsonRenderer(OutputRenderer):
    """`[{"type", "dates": [{"date", "items": […]}]}]`; an hourly tally has one item per hour, newest first.

    Values are text, titles are HTML-encoded; only the values of an hourly tally are numbers.
    """

    media_type, format = "application/json", "json"

    def write(self, data: Data) -> bytes:
        body = [data] if isinstance(data, dict) else data
        return orjson.dumps(body, default=build_json_block, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def build_json_block(block: TypeBlock) -> Item:
    days = [{"date": day.date, "items": build_json_items(day.items)} for day in block.days]
    return {"type": block.type, "dates": days, **({"error": block.error} if block.error else {})}


def build_json_items(items: list[Item]) -> list[Item]:
    """Return the items of a date; of the hours of a tally, one for each."""
    if any(item.keys() != {"value"} or not isinstance(item["value"], list) for item in items):
        return items
    texts = [text for item in items for text in reversed(item["value"])]
    # Numbers, since clients that draw hours search their maximum and skip text
    return [{"value": orjson.loads(text) if NUMBER.fullmatch(text) else text} for text in texts]


class ScriptRenderer(JsonRenderer):
    """JSON as a script: `callback([…]);` or `var name = […];`."""

    media_type, format = JAVASCRIPT.decode(), "script"

    def render(self, data: Data, media_type: str | None = None, context: Context = None) -> bytes:
        body = self.write(data).replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        params: Mapping[str, str] = (context or {})["view"].params
        callback = params.get("json_callback", "")
        if is_script_name(callback):
            return b"%s(%s);" % (callback.encode(), body)
        return b"var %s = %s;" % (params["json_var"].encode(), body)


def is_script_name(text: str) -> bool:
    """Return whether this is a JavaScript name; any other is ignored, so that nobody can inject a script."""
    return len(text) <= MAX_NAME_LENGTH and SCRIPT_NAME.fullmatch(text) is not None


class XmlRenderer(OutputRenderer):
    """`<response><type type="…"><date date="…"><item><title/>…`; an hourly item has one <value> per hour."""

    media_type, format = "text/xml; charset=utf-8", "xml"

    def write(self, data: Data) -> bytes:
        status = "error" if isinstance(data, dict) else "ok"
        inside = render_element("error", data["error"]) if isinstance(data, dict) else "".join(map(render_entry, data))
        return f'{XML_DECLARATION}<response status="{status}">{inside}</response>\n'.encode()


def render_entry(entry: TypeBlock | Item) -> str:
    """Write the block of a type, or a site."""
    if not isinstance(entry, TypeBlock):
        return render_element("site", entry)
    days = (f"<date date={quoteattr(day.date)}>{render_element('item', day.items)}</date>" for day in entry.days)
    error = render_element("error", entry.error) if entry.error else ""
    return f"<type type={quoteattr(remove_non_xml(entry.type))}>{''.join(days)}{error}</type>"


def render_element(name: str, value: object) -> str:
    """Write a value as XML: a dict becomes children, a list repeats the element.

    Names that XML does not allow become `<value name="…">`.
    """
    if isinstance(value, list):
        return "".join(render_element(name, child) for child in value)
    if isinstance(value, dict):
        inside = "".join(render_element(key, child) for key, child in value.items())
    else:
        inside = escape(remove_non_xml(value))
    if XML_NAME.fullmatch(name):
        return f"<{name}>{inside}</{name}>"
    return f"<value name={quoteattr(remove_non_xml(name))}>{inside}</value>"


def remove_non_xml(value: object) -> str:
    """Return the value as text without the characters that XML cannot contain."""
    return NON_XML_CHARACTERS.sub("", decode_html(value))


def decode_html(value: object) -> str:
    """Return the value as text, not encoded for HTML."""
    return html.unescape(value) if isinstance(value, SafeString) else str(value)


class PhpRenderer(OutputRenderer):
    """`[type => [date => [item, …]]]`, serialized for PHP."""

    media_type, format = "text/plain; charset=utf-8", "php"

    def write(self, data: Data) -> bytes:
        blocks = [entry for entry in data if isinstance(entry, TypeBlock)]
        types = {block.type: {day.date: day.items for day in block.days} for block in blocks}
        return serialize_php(types or data)


def serialize_php(value: object) -> bytes:
    """Write what PHP's unserialize() reads: text, integers, lists and dicts; anything else becomes text."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return b"a:%d:{%s}" % (len(value), b"".join(serialize_php(part) for pair in pairs for part in pair))
    if isinstance(value, int):
        return b"i:%d;" % value
    text = str(value).encode(errors="replace")
    return b's:%d:"%s";' % (len(text), text)


class CsvRenderer(OutputRenderer):
    """One table: type, date, then every field that occurs; an hourly block has one row per hour."""

    media_type, format = "text/csv; charset=utf-8", "csv"

    def write(self, data: Data) -> bytes:
        if isinstance(data, dict):
            return f"error\r\n{data['error']}\r\n".encode()
        rows = [row for entry in data for row in build_csv_rows(entry)]
        names = list(dict.fromkeys(name for row in rows for name in row)) or ["type", "date"]
        lines = ([decode_html(row.get(name, "")) for name in names] for row in rows)
        return format_csv([names, *lines]).encode(errors="replace")


def build_csv_rows(entry: TypeBlock | Item) -> Iterator[Item]:
    """Build the rows of a type's block, or the row of a site."""
    if not isinstance(entry, TypeBlock):
        yield {"type": "sites", "date": "", **entry}
        return
    if entry.error:
        yield {"type": entry.type, "error": entry.error}
    for day in entry.days:
        for item in day.items:
            first_columns = {"type": entry.type, "date": day.date}
            if isinstance(item.get("value"), list):
                for hour, value in enumerate(item["value"]):
                    yield {**first_columns, "hour": str(hour), **item, "value": value}
            else:
                yield {**first_columns, **flatten_item(item)}


def flatten_item(item: Item) -> Item:
    """Flatten nested fields to `custom.username` and join lists with commas."""
    flattened: Item = {}
    for name, value in item.items():
        if isinstance(value, dict):
            flattened |= {f"{name}.{key}": child for key, child in flatten_item(value).items()}
        else:
            flattened[name] = ", ".join(map(decode_html, value)) if isinstance(value, list) else value
    return flattened


RENDERERS: dict[str, type[OutputRenderer]] = {
    renderer.format: renderer for renderer in (XmlRenderer, JsonRenderer, PhpRenderer, CsvRenderer)
}


def choose_renderer(params: Mapping[str, str]) -> type[OutputRenderer]:
    """Return the renderer of the parameter `output`; of anything else XML, Clicky's default.

    `json_callback` and `json_var` choose JSON, wrapped into a script.
    """
    wrappers = [name for name in (params.get("json_callback"), params.get("json_var")) if name]
    renderer = RENDERERS.get(params.get("output", "").strip().lower(), JsonRenderer if wrappers else XmlRenderer)
    return ScriptRenderer if renderer is JsonRenderer and any(map(is_script_name, wrappers)) else renderer
