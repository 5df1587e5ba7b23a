"""URLs of the ClickMeter API, built from the table of operations: any case, with or without a slash at the end."""

from __future__ import annotations

import re

from django.urls import URLPattern, re_path

from links.clickmeter.operations import OPERATIONS, Operation
from links.clickmeter.views import OperationView, UnknownAddressView, description

PARAMETER = re.compile(r"\{(\w+)\}")


def build_pattern(path: str) -> str:
    """Build the regular expression of a path in the table. Paths without parameters match first, since they precede."""
    parts = PARAMETER.split(path.strip("/"))  # words and names of parameters in turn
    parts[::2] = [match_any_case(words) for words in parts[::2]]
    parts[1::2] = [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    return "^" + "".join(parts) + "/?$"


def match_any_case(words: str) -> str:
    """Match letters of either case by spelling both out: Django cannot reverse a URL with `(?i)`."""
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in words)


def build_routes() -> list[URLPattern]:
    """Build one route per path, those without parameters first."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    ordered = sorted(by_path.items(), key=lambda row: (row[0].count("{"), row[0]))
    return [
        re_path(build_pattern(path), OperationView.as_view(operations=operations), name=f"clickmeter {path}")
        for path, operations in ordered
    ]


urlpatterns = [
    re_path(r"^openapi\.json$", description, name="clickmeter description"),
    *build_routes(),
    re_path(r"^.*$", UnknownAddressView.as_view(), name="clickmeter nowhere"),
]
