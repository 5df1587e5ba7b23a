"""CSV files for spreadsheets, which must not run as formulas what strangers wrote."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

BYTE_ORDER_MARK = "\ufeff"  # at the start of a file; without it Excel misreads letters beyond ASCII
FORMULA_START = re.compile(r"\s*[=+\-@\t\r\n]")
NEGATIVE_NUMBER = re.compile(r"-[$£¥\u20a0-\u20cf]?\d[\d.,]*%?", re.ASCII)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet might run the text as a formula, which it does with none of the numbers."""
    return FORMULA_START.match(text) is not None and NEGATIVE_NUMBER.fullmatch(text) is None


def escape_formula(value: object) -> object:
    """Return the value, with an apostrophe in front where it is a formula."""
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


def unescape_formula(text: str) -> str:
    """Undo `escape_formula`, also that of a number, which other programs may have escaped."""
    return text[1:] if text[:1] == "'" and FORMULA_START.match(text[1:]) else text


def format_csv(rows: Iterable[Iterable[object]]) -> str:
    """Format rows as lines of CSV, with escaped formulas; None is an empty cell."""
    out = io.StringIO()
    csv.writer(out).writerows([escape_formula(value) for value in row] for row in rows)
    return out.getvalue()
