"""Runs a `curl …` command of a text against the test client, unchanged except for its host and keys."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.test import Client

from tests.support.types import Response


@dataclass(kw_only=True)
class Call:
    """One parsed call. `path` includes the query."""

    method: str = "GET"
    path: str = ""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def run(self, client: Client | None = None) -> Response:
        headers = dict(self.headers)
        kind = headers.pop("Content-Type", "application/json")
        maker = client or Client()
        if self.method != "GET":
            return maker.generic(self.method, self.path, self.body, content_type=kind, headers=headers)
        return maker.get(self.path, headers=headers)


def parse_call(text: str) -> Call:
    """The call a curl command makes. Raises ValueError for options this does not know."""
    words = shlex.split(text.replace("\\\n", " "))
    if words[0] != "curl":
        raise ValueError(text)
    call, rest = Call(), iter(words[1:])
    for word in rest:
        if word == "-X":
            call.method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            call.headers[name] = value
        elif word == "-d":
            call.body = next(rest)
            call.method = "POST" if call.method == "GET" else call.method
        elif word.startswith("http"):
            parts = urlsplit(word)
            call.host, call.path = parts.netloc, parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            raise ValueError(f"{word!r} in {text!r}")
    return call


def find_calls(text: str) -> list[str]:
    """The curl commands of a text: each from `curl` to its last continued or quoted line."""
    found, lines = [], iter(text.splitlines())
    for line in lines:
        if not line.lstrip().startswith("curl "):
            continue
        command = line.strip()
        while command.endswith("\\") or command.count("'") % 2:
            command += "\n" + next(lines)
        found.append(command)
    return found
