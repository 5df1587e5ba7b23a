"""The registry of actions: the sorts of objects that the log is about, and what can happen to each.

An action is named `<subject>.<verb>`, such as `api_key.revoked`; its label is made of both. Every app registers its own
subjects. Only the fields in `shown` appear with their values; of all others the log says only that they changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from django.db.models import Model

from accounts.models import User

TIMES = "times_within_an_hour"  # of an event that is not recorded each time (`accounts.audit.repetition`); always shown


@dataclass(frozen=True, kw_only=True)
class AuditSubject:
    """A sort of objects. `account` is the path to the id of the account: "site.account_id"; "" for users, whose
    actions belong to every account they are in. `ignored` are fields whose change is no action, such as counters.
    """

    name: str
    label: str
    account: str
    verbs: tuple[str, ...] = ("created", "changed", "deleted")
    shown: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def find_accounts(self, row: Model | None) -> list[int | None]:
        """Find the accounts that an action on the row belongs to; None stands for the installation."""
        if row is None:
            return [None]
        if self.account:
            account: object = reduce(getattr, self.account.split("."), row)
            return [account if isinstance(account, int) else None]
        user = row if isinstance(row, User) else getattr(row, "user", None)
        return list_user_accounts(user)


SUBJECTS: dict[str, AuditSubject] = {}
ACTION_SUBJECTS: dict[str, AuditSubject] = {}  # by the name of an action: that of "goal.created" is "goal"


def register_subjects(*subjects: AuditSubject) -> None:
    """Register the subjects of an app."""
    for subject in subjects:
        SUBJECTS[subject.name] = subject
        ACTION_SUBJECTS.update({f"{subject.name}.{verb}": subject for verb in subject.verbs})


def list_actions() -> dict[str, str]:
    """List the labels of all actions by name, in the order of the labels."""
    labels = {
        f"{subject.name}.{verb}": f"{subject.label} {verb.replace('_', ' ')}"
        for subject in SUBJECTS.values()
        for verb in subject.verbs
    }
    return dict(sorted(labels.items(), key=lambda item: item[1]))


def format_action(action: str) -> str:
    """Format an action for people; by its name if a later version no longer has it."""
    return list_actions().get(action, action)


def list_user_accounts(user: User | None) -> list[int | None]:
    """List the accounts that the user is in; of one who is in none, the installation."""
    if user is None:
        return [None]
    ids: Iterable[int] = user.memberships.accepted().order_by("account_id").values_list("account_id", flat=True)
    return [*ids] or [None]


Changes = Mapping[str, "tuple[object, object]"]  # field -> (before, after)
