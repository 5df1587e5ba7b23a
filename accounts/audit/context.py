"""Who acts now, and from where. Middleware, commands and periodic tasks set it; services only read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from unicodedata import category

from accounts.audit.models import ActorType, Via
from accounts.models import User

LABEL_CHARACTERS = re.compile(r"[()\[\]{}<>（）@＠“”„«»\"]")
MAX_NAME_LENGTH = 60  # so that the address is not cut off


@dataclass(frozen=True)
class AuditActor:
    """Who acts: `label` is shown for ever, `id` is that of a user (of an account, for the account's own key)."""

    type: str
    label: str
    id: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuditContext:
    """What the entries of a request, command or task have in common.

    The actor is found when an action is recorded, because a request's is known only after its authentication.
    """

    via: str
    find_actor: Callable[[], AuditActor]
    address: str = ""
    user_agent: str = ""
    request_id: str = ""


SYSTEM = AuditActor(ActorType.SYSTEM, "System")
OUTSIDE = AuditContext(via=Via.TASK, find_actor=lambda: SYSTEM)  # such as threads of the server
BuildContext = Callable[[], AuditContext]
# Built when an action is recorded: most requests record none
current_context: ContextVar[BuildContext] = ContextVar("audit_context", default=lambda: OUTSIDE)


def get_context() -> AuditContext:
    """Return who acts now."""
    return current_context.get()()


@contextmanager
def use_context(context: AuditContext) -> Iterator[None]:
    """Set the context of everything that is recorded meanwhile."""
    token = current_context.set(lambda: context)
    try:
        yield
    finally:
        current_context.reset(token)


def build_program_context(via: str, label: str) -> AuditContext:
    """Build the context of a command, which an operator runs, or of a periodic task."""
    kind = ActorType.OPERATOR if via == Via.COMMAND else ActorType.SYSTEM
    return AuditContext(via=via, find_actor=lambda: AuditActor(kind, label))


def describe_user(user: User) -> str:
    """Describe a user in a text that outlives them: "Zoe (zoe@example.org)". The address is the last thing in it, and
    the only one: whoever calls themselves "Bob (bob@example.org)" is "Bob bob example.org (zoe@example.org)".
    """
    name = simplify_chosen_name(user.name)
    return f"{name} ({user.email})" if name else user.email


def simplify_chosen_name(text: str) -> str:
    """Remove from a name that people choose what labels of actors are made of, and characters that cannot be seen or
    that change the direction of what follows: so nobody is taken for somebody else."""
    visible = "".join(character if category(character)[0] != "C" else " " for character in text)
    return " ".join(LABEL_CHARACTERS.sub(" ", visible).split())[:MAX_NAME_LENGTH].strip()


def build_user_actor(user: User) -> AuditActor:
    """Build the actor of a user who is not logged in yet, or not any more."""
    return AuditActor(ActorType.USER, describe_user(user), user.pk)
