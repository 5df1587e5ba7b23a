"""Tables as files: CSV for spreadsheets, JSON and XML for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from django.http import HttpResponse
from django.utils.text import get_valid_filename

FORMATS = ("csv", "json", "xml")
FORMULA = re.compile(r"^\s*[=+\-@\t\r\n]|^[\t\r\n]")
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Rows = Iterable[dict[str, Any]]


def harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay numbers."""
    if isinstance(value, str) and FORMULA.search(value):
        return f"'{value}"
    return value


def as_csv(columns: tuple[str, ...], rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(name) for name in columns])
    writer.writerows([["" if row.get(name) is None else harmless(row[name]) for name in columns] for row in rows])
    return "\ufeff" + out.getvalue()


def as_json(columns: tuple[str, ...], rows: Rows) -> str:
    picked = [{name: row.get(name) for name in columns} for row in rows]
    return json.dumps(picked, default=str, ensure_ascii=False)


def as_xml(columns: tuple[str, ...], rows: Rows) -> str:
    """`<rows><row><value name="page">/a</value>…`: names are attributes, since not every name may name an element."""
    root = ElementTree.Element("rows")
    for row in rows:
        one = ElementTree.SubElement(root, "row")
        for name in columns:
            cell = ElementTree.SubElement(one, "value", name=NOT_XML.sub("", name))
            cell.text = "" if row.get(name) is None else NOT_XML.sub("", str(row[name]))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


WRITERS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "json": (as_json, "application/json"),
    "xml": (as_xml, "application/xml"),
}


def as_file(wanted: str, name: str, columns: tuple[str, ...], rows: Rows) -> HttpResponse:
    """The rows as a download. ValueError for a format that is none of FORMATS."""
    if wanted not in WRITERS:
        raise ValueError(f"{wanted!r} is not one of {FORMATS}")
    write, content_type = WRITERS[wanted]
    response = HttpResponse(write(columns, rows), content_type=content_type)
    filename = get_valid_filename(name.replace(":", "-").replace("/", "-"))[:100]
    response["Content-Disposition"] = f'attachment; filename="{filename}.{wanted}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
