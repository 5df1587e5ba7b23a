"""What account A of `tests.bench.fairness` does, in a process of its own: B's clock must not wait for A's threads.

    python -m tests.bench.abuse URL KEY SITE CLIENTS PORT KIND...

Prints a line when it has begun, abuses a server until its standard input ends, and then prints what A was answered:
numbers by answer, as JSON. Kinds:

    queries    reports of pages by source over 90 days, each with a filter that no cache knows
    hits       page views, each of a visitor of its own
    streams    every client is a person who opens more live views than one may have, and tries again when refused
    monitors   answers the checks of A's monitors, on PORT, after SLOW_SECONDS
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.bench.faults.load import CHROME

KINDS = ("queries", "hits", "streams", "monitors")
DATES = {"start": "2026-04-02", "end": "2026-07-01"}
PERSON, PASSWORD = "a{}@example.com", "a bench needs no secret"  # those who open live views
STREAMS_PER_PERSON = 25
SLOW_SECONDS = 10.0  # until a monitored address answers
SLOW_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
MAX_SENTENCE = 160


@dataclass(kw_only=True)
class Abuser:
    """Account A: so many clients for each kind of abuse, and what they were answered."""

    url: str
    key: str
    site: int
    clients: int
    port: int  # on which A's monitored addresses answer
    people: list[dict[str, str]] = field(default_factory=list)  # the headers of those who open live views
    answers: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def start(self, kind: str) -> list[threading.Thread]:
        """Start the threads of a kind of abuse."""
        acts = {"queries": self.run_queries, "hits": self.send_hits}
        if kind in acts:
            threads = [threading.Thread(target=acts[kind], args=(number,)) for number in range(self.clients)]
        else:
            act = self.hold_streams if kind == "streams" else self.answer_checks
            threads = [threading.Thread(target=lambda: asyncio.run(act()))]
        for thread in threads:
            thread.start()
        return threads

    def note(self, kind: str, answer: httpx.Response) -> None:
        """Count an answer; a refusal with its sentence, in which numbers are left out."""
        sentence = ""
        if answer.status_code >= 400:
            text = re.sub(r"\d+", "N", re.sub(r"(?s)<head.*?</head>|<[^>]+>", " ", answer.text))
            sentence = " " + " ".join(text.split())[:MAX_SENTENCE]
        dropped = answer.headers.get("X-Event-Dropped", "")
        self.answers[f"{kind} {dropped or answer.status_code}{sentence}"] += 1

    def send_hits(self, number: int) -> None:
        """Send page views as fast as they are answered."""
        with httpx.Client(base_url=self.url, headers={"User-Agent": CHROME, "Accept-Language": "en"}) as client:
            while not self.stopping.is_set():
                count = next(self.numbers)
                query = {"site_id": str(self.site), "type": "pageview", "href": f"/{count}", "host": "bench.example"}
                address = {"X-Forwarded-For": f"81.3.{count // 250 % 250}.{count % 250}"}
                self.note("hits", client.get("/in.php", params=query, headers=address, timeout=60))

    def run_queries(self, number: int) -> None:
        """Send heavy queries from one address, and wait when told to, but at most a second."""
        headers = {"x-api-key": self.key, "X-Forwarded-For": f"198.51.100.{number + 1}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            while not self.stopping.is_set():
                filters = [{"dimension": "page", "operator": "contains", "value": f"/{next(self.numbers)}"}]
                body = {"metrics": ["visitors"], "dimensions": ["page", "source"], "date_range": DATES}
                answer = client.post("/api/query", json={**body, "filters": filters})
                self.note("queries", answer)
                if answer.status_code == 429:
                    self.stopping.wait(min(1.0, float(answer.headers.get("Retry-After", 1))))

    def log_in_people(self) -> None:
        """Log every person in, each from an address of its own."""
        for number in range(self.clients):
            headers = {"X-Forwarded-For": f"198.51.101.{number + 1}", "User-Agent": CHROME}
            with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
                page = client.get("/login")
                token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
                form = {"email": PERSON.format(number), "password": PASSWORD, "csrfmiddlewaretoken": token}
                client.post("/login", data=form)
                cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
            self.people.append({**headers, "Cookie": cookies})

    async def hold_streams(self) -> None:
        """Keep opening live views of the site and of the account's links for every person."""
        paths = [f"/sites/{self.site}/spy/stream", "/links/live/stream"]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self.url, timeout=60, limits=limits) as client:
            await asyncio.gather(
                *(
                    self.hold_stream(client, headers, paths[count % 2])
                    for headers in self.people
                    for count in range(STREAMS_PER_PERSON)
                )
            )

    async def hold_stream(self, client: httpx.AsyncClient, headers: dict[str, str], path: str) -> None:
        """Open a live view and read it as long as it lasts; begin again when it is refused or ends."""
        while not self.stopping.is_set():
            with contextlib.suppress(httpx.TransportError):
                async with client.stream("GET", path, headers=headers) as answer:
                    if answer.status_code == 200:
                        self.note("streams", answer)
                        async for _ in answer.aiter_raw():
                            if self.stopping.is_set():
                                return
                    else:
                        await answer.aread()
                        self.note("streams", answer)
            await asyncio.sleep(0.05)

    async def answer_checks(self) -> None:
        """Answer the requests of A's monitors slowly."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.answers["monitors checked"] += 1
            end = time.monotonic() + SLOW_SECONDS
            while time.monotonic() < end and not self.stopping.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.1)
            with contextlib.suppress(OSError):
                writer.write(SLOW_ANSWER)
                writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", self.port):
            while not self.stopping.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # until all have their answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("site", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("kinds", nargs="*")
    given = parser.parse_args()
    abuser = Abuser(url=given.url, key=given.key, site=given.site, clients=given.clients, port=given.port)
    if "streams" in given.kinds:
        abuser.log_in_people()
    threads = [thread for kind in given.kinds for thread in abuser.start(kind)]
    print("started", flush=True)
    sys.stdin.read()
    abuser.stopping.set()
    for thread in threads:
        thread.join()
    print(json.dumps(abuser.answers))


if __name__ == "__main__":
    main()
