"""xml, json, php and csv, each in the shape its clients read.

An answer is a list of blocks in the order asked for. A block has days, newest first; a day has items; an item is a
dict of text (or, of visitors, of dicts). Of an hourly block every value is a list: one number for each hour.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

Item = dict[str, Any]
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
TAG = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


class HtmlText(str):
    """Text encoded for HTML, as clients of JSON and PHP expect titles. XML and CSV have an encoding of their own."""

    @property
    def plain(self) -> str:
        return html.unescape(self)


def encoded(text: str) -> HtmlText:
    """What a stranger wrote, encoded for HTML."""
    return HtmlText(html.escape(text))


@dataclass
class Day:
    date: str
    items: list[Item]


@dataclass
class Block:
    type: str
    days: list[Day] = field(default_factory=list)
    hourly: bool = False
    error: str = ""  # why this type has no items, where others of the request have


Answer = list[Block]


def as_json(answer: Answer) -> bytes:
    """`[{"type", "dates": [{"date", "items": […]}]}]`; an hourly tally has one item per hour, newest first.

    Values are text, titles are HTML-encoded; only the values of an hourly tally are numbers.
    """
    return orjson.dumps(
        [
            {
                "type": block.type,
                "dates": [{"date": day.date, "items": json_items(block, day)} for day in block.days],
                **({"error": block.error} if block.error else {}),
            }
            for block in answer
        ]
    )


def json_items(block: Block, day: Day) -> list[Item]:
    if block.hourly and all(set(item) == {"value"} for item in day.items):
        return [{"value": plain_number(value)} for item in day.items for value in reversed(item["value"])]
    return day.items


def plain_number(text: str) -> int | float | str:
    """A number as JSON's own: clients that draw hours look for the largest, and take only whole numbers for it."""
    if not number(text):
        return text
    return float(text) if "." in text else int(text)


def as_xml(answer: Answer) -> bytes:
    """`<response><type type="…"><date date="…"><item><title/>…`; an hourly item holds one <value> per hour."""
    out = [XML, '<response status="ok">']
    for block in answer:
        out.append(f"<type type={quoteattr(clean(block.type))}>")
        for day in block.days:
            out.append(f"<date date={quoteattr(day.date)}>")
            out.extend(element("item", item) for item in day.items)
            out.append("</date>")
        if block.error:
            out.append(element("error", block.error))
        out.append("</type>")
    out.append("</response>\n")
    return "".join(out).encode()


def element(name: str, value: Any) -> str:
    """A value as XML: a dict becomes children, a list repeats the element; odd names become <value name="…">."""
    if isinstance(value, list):
        return "".join(element(name, each) for each in value)
    inside = (
        "".join(element(key, each) for key, each in value.items()) if isinstance(value, dict) else escape(clean(value))
    )
    if TAG.fullmatch(name):
        return f"<{name}>{inside}</{name}>"
    return f"<value name={quoteattr(clean(name))}>{inside}</value>"


def clean(value: object) -> str:
    """Text without the characters that XML cannot hold."""
    return NOT_XML.sub("", plain(value))


def plain(value: object) -> str:
    """A value as text without the encoding for HTML."""
    return value.plain if isinstance(value, HtmlText) else str(value)


def as_php(answer: Answer) -> bytes:
    """Serialized `[type => [date => [item, …]]]`."""
    return php({block.type: {day.date: day.items for day in block.days} for block in answer})


def php(value: Any) -> bytes:
    """What PHP's unserialize() reads: text, whole numbers, lists and dicts."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        return b"i:%d;" % value
    else:
        text = str(value).encode(errors="replace")
        return b's:%d:"%s";' % (len(text), text)
    inside = b"".join(php(key) + php(each) for key, each in pairs)
    return b"a:%d:{%s}" % (len(pairs), inside)


def as_csv(answer: Answer) -> bytes:
    """One table: type, date, then every field that occurs; of an hourly block one row per hour."""
    rows = [row for block in answer for row in csv_rows(block)]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["type", "date"]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
    return out.getvalue().encode(errors="replace")


def csv_rows(block: Block) -> Iterable[Item]:
    if block.error:
        yield {"type": block.type, "error": block.error}
    for day in block.days:
        for item in day.items:
            head = {"type": block.type, "date": day.date}
            if block.hourly and isinstance(item.get("value"), list):
                for hour, value in enumerate(item["value"]):
                    yield {**head, "hour": str(hour), **item, "value": value}
            else:
                yield {**head, **flat(item)}


def flat(item: Item) -> Item:
    """Nested fields as `custom.username`; lists joined."""
    found: Item = {}
    for name, value in item.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": each for key, each in flat(value).items()}
        else:
            found[name] = ", ".join(map(plain, value)) if isinstance(value, list) else value
    return found


def harmless(value: object) -> str:
    """Text that a spreadsheet will not run as a formula."""
    text = plain(value)
    return f"'{text}" if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not number(text)) else text


def number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) is not None


WRITERS = {"xml": as_xml, "json": as_json, "php": as_php, "csv": as_csv}
CONTENT_TYPES = {
    "xml": "text/xml; charset=utf-8",
    "json": "application/json",
    "php": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


def error(sentence: str, output: str) -> bytes:
    """`[{"error":"Invalid sitekey."}]`, and the same in the other formats."""
    if output == "json":
        return orjson.dumps([{"error": sentence}])
    if output == "php":
        return php({"error": sentence})
    if output == "csv":
        return f"error\r\n{sentence}\r\n".encode()
    text = escape(clean(sentence))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<response status="error"><error>{text}</error></response>\n'.encode()
    )
