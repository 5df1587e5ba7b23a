"""Tables as files: CSV for spreadsheets, JSON and XML for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from django.http import HttpResponse
from django.utils.text import get_valid_filename

from accounts.audit.repetition import record_exported
from accounts.spreadsheets import BYTE_ORDER_MARK, format_csv
from reports.dashboard.state import ReportState

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MAX_FILENAME_LENGTH = 100
Rows = Iterable[Mapping[str, object]]


def write_csv(columns: tuple[str, ...], rows: Rows) -> str:
    """Return the rows as a CSV file."""
    return BYTE_ORDER_MARK + format_csv([columns, *([row.get(name) for name in columns] for row in rows)])


def write_json(columns: tuple[str, ...], rows: Rows) -> str:
    """Return the rows as a JSON array of objects."""
    selected = [{name: row.get(name) for name in columns} for row in rows]
    return json.dumps(selected, default=str, ensure_ascii=False)


def write_xml(columns: tuple[str, ...], rows: Rows) -> str:
    """Return the rows as XML: `<rows><row><value name="page">/a</value>…`.

    Names are attributes, because not every column name is allowed as the name of an element.
    """
    root = ElementTree.Element("rows")
    for row in rows:
        element = ElementTree.SubElement(root, "row")
        for name in columns:
            cell = ElementTree.SubElement(element, "value", name=NOT_XML.sub("", name))
            cell.text = "" if row.get(name) is None else NOT_XML.sub("", str(row[name]))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


WRITERS = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "json": (write_json, "application/json"),
    "xml": (write_xml, "application/xml"),
}
FORMATS = tuple(WRITERS)


def set_download(response: HttpResponse, name: str, extension: str) -> HttpResponse:
    """Set the headers that make a response a file with this name."""
    filename = get_valid_filename(name.replace("/", "-"))[:MAX_FILENAME_LENGTH]
    response["Content-Disposition"] = f'attachment; filename="{filename}.{extension}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def record_export(state: ReportState, name: str) -> None:
    """Record that a member of the account downloaded a table; readers of shared links are nobody it knows."""
    if state.scope.has_site_pages:
        record_exported("report.exported", state.site, label=f"{name} of {state.site}")


def build_export(file_format: str, name: str, columns: tuple[str, ...], rows: Rows) -> HttpResponse:
    """Return the rows as a file, in one of FORMATS."""
    write, content_type = WRITERS[file_format]
    response = HttpResponse(write(columns, rows), content_type=content_type)
    return set_download(response, name.replace(":", "-"), file_format)
