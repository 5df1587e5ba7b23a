"""Questions to Redis as commands, and what it replies as values; `redis_scripts` says what the functions expect."""

from __future__ import annotations

import secrets

import orjson

from tracking.schema import Event
from tracking.state import first_seen
from tracking.state.deduplication import BRIEF_SECONDS, RETENTION_HOURS, to_event_id
from tracking.state.questions import (
    ClaimFirst,
    CountRequest,
    GetSalt,
    GetValue,
    JoinVisit,
    KeepSenderId,
    PutValue,
    ReleaseSenderId,
    RestoreClaim,
    RestoreVisit,
    SenderId,
)
from tracking.state.redis_link import Command, Reply, build_command
from tracking.state.salts import RETENTION_DAYS
from tracking.state.visits import VISITOR_COLUMNS, OpenVisit, VisitKey

VISIT_SECONDS = 4 * 3600 + 600  # the longest idle time a site may choose, and ten minutes
KEPT_SECONDS = RETENTION_HOURS * 3600  # for which a sender's id is claimed that is not brief
VISIT_PREFIX, ID_PREFIX = "footfall:open-visit:", "footfall:open-visit-id:"
DEVICES_KEY = "footfall:devices"  # of the filters of known devices; the first filter's has no number
SALT_PREFIX = "footfall:salt:"
BLANK_VISIT = OpenVisit(0, 0, 0, 0)


def decode_nothing(question: object, reply: object) -> None:
    """Return None for a question without an answer."""


def name_visit(key: VisitKey) -> str:
    """Return the name of a visit's hash."""
    return f"{VISIT_PREFIX}{key[0]}:{key[1]}:{key[2]}"


def parse_visit_name(name: bytes) -> VisitKey:
    """Parse the name of a visit's hash."""
    site_id, device, backdated = name.decode().removeprefix(VISIT_PREFIX).split(":")
    return int(site_id), int(device), int(backdated)


def name_sender_id(sender_id: SenderId) -> str:
    """Return the key of a sender's id; it holds the time until which the id is claimed, and by which batch."""
    return f"footfall:seen:{sender_id.key}"


def encode_join(question: JoinVisit, kind: str, proposed: tuple[object, ...] = ()) -> Command:
    """Encode a visit's question with the visit that it may open, as JOIN_VISIT has them."""
    site_id, sender_id, keyed_visit = question.key[0], question.sender_id, question.known
    other = question.yesterday or question.before_consent
    reported = question.reported.get
    name = name_visit(question.key)
    keys = (
        name, name_visit(other) if other else "",
        f"{ID_PREFIX}{site_id}:{question.session}" if question.session else "",
        name_sender_id(sender_id) if sender_id else "", DEVICES_KEY,
        "" if keyed_visit is None else name if keyed_visit[0] == question.key else name_visit(keyed_visit[0]),
        str(to_event_id(sender_id.key)) if sender_id and question.is_asked_again else "",
    )  # fmt: skip
    claim_seconds = BRIEF_SECONDS if sender_id and sender_id.is_brief else KEPT_SECONDS
    claimed_until = sender_id.now + claim_seconds if sender_id else 0.0
    return Command("join_visit", keys, (
        question.at, question.idle, question.session, int(question.before_consent is not None),
        int(question.is_bot), question.view_id, reported("screen", ""), reported("language", ""),
        claimed_until, claim_seconds, f"{ID_PREFIX}{site_id}:", VISIT_SECONDS, kind,
        0 if keyed_visit is None else keyed_visit[1].id, *proposed,
    ))  # fmt: skip


def encode_visit(visit: OpenVisit) -> tuple[object, ...]:
    """Return the fields of a visit; its key by id is not written yet."""
    reported = visit.reported.get
    return (
        visit.id, visit.device, visit.start, visit.last, visit.view_id, visit.is_new,
        reported("screen", ""), reported("language", ""), 0, orjson.dumps(visit.origin).decode(),
    )  # fmt: skip


def decode_visit(fields: list[Reply]) -> OpenVisit:
    """Return the visit of these fields."""
    number, device, start, last, view_id, is_new, screen, language, _, origin = fields
    columns: Event = orjson.loads(origin)
    return OpenVisit(
        number, device, start, last,
        view_id=view_id, is_new=is_new, origin=columns, reported=decode_reported(screen, language),
    )  # fmt: skip


def decode_changes(visit: OpenVisit, fields: list[Reply]) -> OpenVisit:
    """Return a visit that this process knows, with what may have changed."""
    last, view_id, is_new, screen, language = fields
    return OpenVisit(
        visit.id, visit.device, visit.start, last, view_id=view_id, is_new=is_new, origin=visit.origin,
        reported=visit.reported if len(visit.reported) == len(VISITOR_COLUMNS) else decode_reported(screen, language),
    )  # fmt: skip


def decode_reported(screen: bytes, language: bytes) -> Event:
    """Return the columns that the visitor has reported."""
    reported: Event = {}
    if screen:
        reported["screen"] = screen.decode()
    if language:
        reported["language"] = language.decode()
    return reported


def encode_device(key: VisitKey) -> tuple[int, ...]:
    """Return what the filters of known devices need to know of a visit's device."""
    return (
        first_seen.CAPACITY, first_seen.MAX_FILTERS, first_seen.compute_max_set_bits(),
        *first_seen.hash_bits(key[0], key[1]),
    )  # fmt: skip


def encode_restored_visit(question: RestoreVisit) -> Command:
    """Encode a visit to restore."""
    return Command("restore_visit",
        (name_visit(question.key), DEVICES_KEY),
        (
            *encode_visit(question.visit), f"{ID_PREFIX}{question.key[0]}:", VISIT_SECONDS,
            *encode_device(question.key),
        ),
    )  # fmt: skip


def encode_keep(question: KeepSenderId) -> Command:
    """Encode an id to keep for a day."""
    until = repr(question.sender_id.now + KEPT_SECONDS)
    return build_command("SET", name_sender_id(question.sender_id), until, "EX", KEPT_SECONDS)


def encode_release(question: ReleaseSenderId) -> Command:
    """Encode an id to release."""
    return build_command("DEL", name_sender_id(question.sender_id))


def encode_salt(question: GetSalt) -> Command:
    """Encode the question for a salt, with the one to store if there is none. Redis destroys it after its time."""
    return Command("get_salt", (f"{SALT_PREFIX}{question.day}",), (secrets.token_hex(16), RETENTION_DAYS * 86_400))


def encode_claim(question: ClaimFirst) -> Command:
    """Encode the question whether a key is the first within its window."""
    window = question.window
    keys = [f"footfall:{window.name}:{name}" for name in (question.key, *question.older)]
    return Command("claim_first", keys, (question.at, window.seconds, window.seconds))


def encode_restored_claim(question: RestoreClaim) -> Command:
    """Encode a key to restore."""
    seconds = max(1, round(question.at + question.window.seconds - question.now))
    return Command("restore_claim", (f"footfall:{question.window.name}:{question.key}",), (repr(question.at), seconds))


def encode_count(question: CountRequest) -> Command:
    """Encode a request to count."""
    return Command("count_request", (f"footfall:requests:{question.key}",), (question.seconds,))


def encode_get(question: GetValue) -> Command:
    """Encode the question for a value."""
    return build_command("GET", f"footfall:value:{question.key}")


def encode_put(question: PutValue) -> Command:
    """Encode a value to keep."""
    return build_command(
        "SET", f"footfall:value:{question.key}", orjson.dumps(question.value).decode(), "EX", question.seconds
    )
