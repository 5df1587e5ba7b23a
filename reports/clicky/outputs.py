"""Writers of XML, JSON, PHP and CSV, each in the shape that its clients read.

A result is a list of blocks, one per requested type. A block has date entries, newest first; a date entry has items;
an item is a dict of text, or of nested dicts for visitors. In an hourly block each value is a list with one number per
hour, midnight first. A rejected request is one sentence (`ClickyError`), mostly with HTTP status 200.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from reports.spreadsheets import format_csv

Item = dict[str, Any]  # name -> text, or a list or an Item of texts
NON_XML_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
XML_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


class HtmlText(str):
    """Text encoded for HTML, as clients of JSON and PHP expect titles. XML and CSV have an encoding of their own."""

    def decode(self) -> str:
        return html.unescape(self)


def encode_html(text: str) -> HtmlText:
    """Encode text that a stranger wrote for HTML."""
    return HtmlText(html.escape(text))


@dataclass
class DateEntry:
    date: str
    items: list[Item]


@dataclass
class TypeBlock:
    type: str
    days: list[DateEntry] = field(default_factory=list)
    hourly: bool = False
    error: str = ""  # why this type has no items although others of the request do


StatsResult = list[TypeBlock]


def render_json(result: StatsResult) -> bytes:
    """Write `[{"type", "dates": [{"date", "items": […]}]}]`; an hourly tally has one item per hour, newest first.

    Values are text, titles are HTML-encoded; only the values of an hourly tally are numbers.
    """
    return orjson.dumps(
        [
            {
                "type": block.type,
                "dates": [{"date": day.date, "items": build_json_items(block, day)} for day in block.days],
                **({"error": block.error} if block.error else {}),
            }
            for block in result
        ]
    )


def build_json_items(block: TypeBlock, day: DateEntry) -> list[Item]:
    if block.hourly and all(set(item) == {"value"} for item in day.items):
        return [{"value": parse_json_number(value)} for item in day.items for value in reversed(item["value"])]
    return day.items


def parse_json_number(text: str) -> int | float | str:
    """Return a number instead of its text: clients that draw hours search their maximum and skip text."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) is None:
        return text
    return float(text) if "." in text else int(text)


def render_xml(result: StatsResult) -> bytes:
    """Write `<response><type type="…"><date date="…"><item><title/>…`; an hourly item has one <value> per hour."""
    out = [XML_DECLARATION, '<response status="ok">']
    for block in result:
        out.append(f"<type type={quoteattr(remove_non_xml(block.type))}>")
        for day in block.days:
            out.append(f"<date date={quoteattr(day.date)}>")
            out.extend(render_element("item", item) for item in day.items)
            out.append("</date>")
        if block.error:
            out.append(render_element("error", block.error))
        out.append("</type>")
    out.append("</response>\n")
    return "".join(out).encode()


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
    return value.decode() if isinstance(value, HtmlText) else str(value)


def render_php(result: StatsResult) -> bytes:
    """Serialize `[type => [date => [item, …]]]`."""
    return serialize_php({block.type: {day.date: day.items for day in block.days} for block in result})


def serialize_php(value: object) -> bytes:
    """Write what PHP's unserialize() reads: text, integers, lists and dicts; anything else becomes text."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        return b"i:%d;" % value
    else:
        text = str(value).encode(errors="replace")
        return b's:%d:"%s";' % (len(text), text)
    inside = b"".join(serialize_php(key) + serialize_php(child) for key, child in pairs)
    return b"a:%d:{%s}" % (len(pairs), inside)


def render_csv(result: StatsResult) -> bytes:
    """Write one table: type, date, then every field that occurs; an hourly block has one row per hour."""
    rows = [row for block in result for row in build_csv_rows(block)]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["type", "date"]
    lines = ([decode_html(row.get(name, "")) for name in names] for row in rows)
    return format_csv([names, *lines]).encode(errors="replace")


def build_csv_rows(block: TypeBlock) -> Iterable[Item]:
    if block.error:
        yield {"type": block.type, "error": block.error}
    for day in block.days:
        for item in day.items:
            first_columns = {"type": block.type, "date": day.date}
            if block.hourly and isinstance(item.get("value"), list):
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


RENDERERS = {"xml": render_xml, "json": render_json, "php": render_php, "csv": render_csv}
CONTENT_TYPES = {
    "xml": "text/xml; charset=utf-8",
    "json": "application/json",
    "php": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


class ClickyError(Exception):
    """A request that is rejected; the text is Clicky's own where it is documented ("Invalid sitekey.")."""


def render_error(sentence: str, output: str) -> bytes:
    """Write an error: `[{"error":"Invalid sitekey."}]` in JSON, and alike in the other formats."""
    if output == "json":
        return orjson.dumps([{"error": sentence}])
    if output == "php":
        return serialize_php({"error": sentence})
    if output == "csv":
        return f"error\r\n{sentence}\r\n".encode()
    text = escape(remove_non_xml(sentence))
    return f'{XML_DECLARATION}<response status="error"><error>{text}</error></response>\n'.encode()
