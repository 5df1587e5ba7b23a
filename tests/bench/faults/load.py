"""Page views at a steady rate, each with a number of its own, so that what was answered can be compared with what is
stored.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
THREADS = 16
REPEATED = 10  # one of so many hits is sent again, with its id, to the next process
TRIES = 12  # of a sender that repeats a hit whose answer it did not get


def describe_view(site: int, number: int) -> tuple[str, dict[str, str]]:
    """Return the address and the headers of the page view with this number: its visitor, page and id are its own."""
    address = f"81.{number % 7 + 2}.{number // 250 % 250}.{number % 250}"
    path = f"/in.php?site_id={site}&type=pageview&href=%2F{number}&host=bench.example&x=id-of-hit-{number:012}"
    return path, {"User-Agent": CHROME, "Accept-Language": "en", "X-Forwarded-For": address}


@dataclass(kw_only=True)
class Load:
    """Page views until the block ends; each has a visitor, a page and an id of its own."""

    ports: tuple[int, ...]  # in turns
    site: int
    rate: float  # a second; may be changed meanwhile
    first: int  # the number of the first one
    repeats_cut: bool = False  # new connections, and a hit is sent again until it is answered
    sent: int = 0
    answered: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # connections that nobody accepted
    cut: int = 0  # connections that ended before an answer
    closed: int = 0  # used connections that the server had closed; the hit is sent again, as browsers do
    slowest: float = 0.0  # seconds

    def __enter__(self) -> Load:
        self.ending, self.numbers = threading.Event(), itertools.count(self.first)
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(THREADS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def run(self, thread: int) -> None:
        """Send every THREADS-th hit of the rate; after a pause of the machine the rate goes on, and is not made up."""
        sender = Sender(self)
        due = time.monotonic() + thread / self.rate
        while not self.ending.wait(max(0.0, due - time.monotonic())):
            due = max(due + THREADS / self.rate, time.monotonic() - 1)
            number = next(self.numbers)
            self.sent += 1
            if sender.send(number, number) and number % REPEATED == 0:
                self.repeated.add(number)
                sender.send(number, number + 1)


class Sender:
    """One thread's connections, one to each process."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.clients: dict[int, http.client.HTTPConnection] = {}

    def send(self, number: int, turn: int) -> bool:
        """Send a hit to the process whose turn it is; return whether it was answered as recorded."""
        load = self.load
        port = load.ports[turn % len(load.ports)]
        client = self.clients.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=20))
        for attempt in range(TRIES):
            is_used, began = client.sock is not None, time.monotonic()
            try:
                reason = self.request(client, number)
            except (OSError, http.client.HTTPException) as error:
                client.close()
                if not (self.count(error, is_used) and attempt == 0) and not load.repeats_cut:
                    return False
            else:
                load.slowest = max(load.slowest, time.monotonic() - began)
                return self.note(number, reason, known=attempt > 0)
        return False

    def count(self, error: Exception, is_used: bool) -> bool:
        """Count a connection that failed; return whether the server may just have closed it as idle."""
        if isinstance(error, ConnectionRefusedError):
            self.load.refused += 1
        elif is_used and isinstance(error, ConnectionResetError | BrokenPipeError) and not self.load.repeats_cut:
            self.load.closed += 1
            return True
        else:
            self.load.cut += 1
        return False

    def request(self, client: http.client.HTTPConnection, number: int) -> str:
        """Return why the hit was rejected, "" if it was not."""
        path, headers = describe_view(self.load.site, number)
        if self.load.repeats_cut:
            client.close()
        client.request("GET", path, headers=headers)
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            return f"status {answer.status}"
        return answer.headers.get("X-Event-Dropped") or ""

    def note(self, number: int, reason: str, *, known: bool) -> bool:
        """Note an answer; that of a hit that was sent before may be "duplicate"."""
        if not reason or (reason == "duplicate" and known):
            self.load.answered.add(number)
            return True
        if number not in self.load.answered:
            self.load.reasons[reason] += 1
        return False
