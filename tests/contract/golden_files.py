"""Golden files: the recorded answer of an address, and whether the present answer is the same.

A file holds calls by name, each with its request and its answer. JSON answers are compared as text, so that 1, 1.0,
true and "1" differ and members keep their order; other answers are kept as lines that make the whole text when joined.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
UPDATE = "UPDATE_GOLDEN=1 pytest tests/contract"
MAX_DIFF_LINES = 60  # of a difference in a failure
# Where the text of each kind of answer may be broken into lines; nothing is lost, lines are joined without anything
BREAKS = {
    "text/xml": re.compile(r"(?<=>)(?=<(?:/?type|/?date|item|/response|site|error)\b)"),
    "text/csv": re.compile(r"(?<=\n)"),
    "text/plain": re.compile(r'(?=a:\d+:\{)|(?<=\n)|(?<=";)(?=s:\d+:"[a-z_]+";)'),
}
WHOLE = re.compile(r"(?!)")

# Volatile values: (member, what its whole value looks like, what is written instead). Only text and whole numbers that
# look exactly so are replaced; a value of another form or type stands in the file as it is, and so fails.
RULES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("id", re.compile(r"[0-9A-F]{32}"), "<32 hexadecimal digits>"),  # an entry of a black or white list: drawn
    ("code", re.compile(r"[0-9A-F]{32}"), "<32 hexadecimal digits>"),  # of a conversion: drawn
    ("id", re.compile(r"(\d{9}@\d{14})\d{9}"), r"\1<nine digits>"),  # of a hit: ends with drawn digits
    ("lastKey", re.compile(r"(\d{13})-\d{1,17}"), r"\1-<drawn number>"),  # of a page of hits
    (
        "fresh_until",
        re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,15}\+00:00"),
        "<time>",
    ),  # the store's, which has its own clock
    ("session_id", re.compile(r"[1-9]\d{7,15}"), "<number below 2**53>"),  # of a visit that an event began: drawn
    ("page_visit_id", re.compile(r"[0-9a-f]{8,16}"), "<hexadecimal digits>"),  # of a view: drawn
)


def replace_volatile(value: Any, member: str = "") -> Any:
    """The value of JSON with what RULES say instead of what is drawn; the type stays visible."""
    if isinstance(value, dict):
        return {name: replace_volatile(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [replace_volatile(inner, member) for inner in value]
    if isinstance(value, str) or type(value) is int:
        for name, form, instead in RULES:
            if name == member and (found := form.fullmatch(str(value))):
                return found.expand(instead) if isinstance(value, str) else {"whole number": instead}
    return value


def describe_answer(status: int, content_type: str, content: bytes) -> dict[str, Any]:
    """Status, content type and body of an answer, as a golden file holds them."""
    found: dict[str, Any] = {"status": status, "content_type": content_type}
    kind = content_type.partition(";")[0]
    if kind == "application/json" and content:
        return found | {"json": replace_volatile(json.loads(content))}
    return found | {"text": [line for line in BREAKS.get(kind, WHOLE).split(content.decode()) if line]}


def describe_response(response: Any) -> dict[str, Any]:
    """The same of a response of Django's test client."""
    return describe_answer(response.status_code, response.headers.get("Content-Type", ""), response.content)


def write_readable(value: Any) -> str:
    """JSON with one member a line."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


@lru_cache(maxsize=1)
def find_commit() -> str:
    """The short name of the commit that is being recorded."""
    here = Path(__file__).parent
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def check_golden(name: str, about: str, calls: dict[str, Any]) -> None:
    """Compare calls with the golden file of this name, or write it where UPDATE_GOLDEN is set.

    Raises AssertionError with a sentence that says what to run, and with the difference.
    """
    path = FOLDER / f"{name}.json"
    recorded = json.loads(path.read_text()) if path.exists() else {}
    new, old = write_readable(calls), write_readable(recorded.get("calls", {}))
    if os.environ.get("UPDATE_GOLDEN"):
        if new != old:
            source = f"recorded from the product at commit {find_commit()}, to hold the wire unchanged"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(write_readable({"source": source, "about": about, "calls": calls}))
        return
    if not recorded:
        raise AssertionError(f"{about} has no golden file. Run `{UPDATE}`, read golden/{name}.json, and commit it.")
    if new != old:
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "recorded", "answered", lineterm="", n=4)
        shown = "\n".join(list(lines)[:MAX_DIFF_LINES])
        raise AssertionError(
            f"{about} answers differently from golden/{name}.json. If that is meant, run `{UPDATE}`.\n{shown}"
        )


def check_names(dialect: str, wanted: Iterable[str]) -> None:
    """The dialect's folder holds exactly the files wanted. Raises AssertionError with a sentence."""
    names = set(wanted)
    found = {str(path.relative_to(FOLDER).with_suffix("")) for path in (FOLDER / dialect).rglob("*.json")}
    if missing := sorted(names - found):
        raise AssertionError(f"No golden file for {', '.join(missing)}. Run `{UPDATE}`, read them, and commit them.")
    if stale := sorted(found - names):
        raise AssertionError(f"Nothing is asked for {', '.join(stale)} any more. Delete these golden files.")
