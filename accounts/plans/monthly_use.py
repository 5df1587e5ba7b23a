"""How much of a month's events or API calls an account has used, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.account_limits import get_account_limit, get_event_quota
from accounts.models import Account

NEAR_PERCENT, USED_PERCENT = 80, 100  # from which on the account is told


@dataclass(frozen=True)
class UsedUpSentences:
    """What happens to events or calls beyond those of the plan: nothing, `later` (at `{percent}`), or `now`."""

    never: str
    later: str
    now: str


EVENT_SENTENCES = UsedUpSentences(
    never="Further events are recorded; none is rejected.",
    later="Further events are recorded up to {percent} percent, then rejected until the month ends (UTC).",
    now="Further events are rejected until the month ends (UTC). What is recorded stays, and links go on redirecting.",
)
CALL_SENTENCES = UsedUpSentences(
    never="Further calls are answered; none is refused.",
    later="Further calls are answered up to {percent} percent, then refused until the month ends (UTC).",
    now="Further calls are refused until the month ends (UTC). Pages, exports and tracking go on.",
)


@dataclass(frozen=True, kw_only=True)
class MonthlyUse:
    """What of the month is used. `quota` 0: any number. `refused_at`: percent, 0 for never."""

    name: str
    label: str
    used: int
    quota: int
    refused_at: int
    sentences: UsedUpSentences

    @property
    def percent(self) -> int:
        """The percentage that is used, rounded down; 0 without a quota."""
        return 100 * self.used // self.quota if self.quota else 0

    @property
    def is_used_up(self) -> bool:
        """Whether all of it is used."""
        return bool(self.quota) and self.percent >= USED_PERCENT

    @property
    def is_refused(self) -> bool:
        """Whether further ones are refused."""
        return bool(self.quota and self.refused_at) and self.percent >= self.refused_at

    @property
    def consequence(self) -> str:
        """What happens now to those that are more than the plan includes, as a sentence."""
        if self.is_refused:
            return self.sentences.now
        return self.sentences.later.format(percent=self.refused_at) if self.refused_at else self.sentences.never

    @property
    def warning(self) -> str:
        """The sentence of the banner; "" as long as not all is used."""
        if not self.is_used_up:
            return ""
        return f"{self.percent}% of the {self.quota:,} {self.label} of this month are used. {self.consequence}"


def build_event_use(account: Account, used: int | None = None) -> MonthlyUse:
    """Build the use of events; `used` is what the account says, unless given."""
    return MonthlyUse(
        name="monthly_events", label="events", used=account.events_used if used is None else used,
        quota=get_event_quota(account), refused_at=get_account_limit(account, "events_refused_at"),
        sentences=EVENT_SENTENCES,
    )  # fmt: skip


def build_call_use(account: Account, used: int | None = None) -> MonthlyUse:
    """Build the use of API calls; `used` is what the account says, unless given."""
    return MonthlyUse(
        name="monthly_api_calls", label="API calls", used=account.api_calls_used if used is None else used,
        quota=get_account_limit(account, "monthly_api_calls"),
        refused_at=get_account_limit(account, "api_calls_refused_at"), sentences=CALL_SENTENCES,
    )  # fmt: skip


@dataclass(frozen=True)
class MonthUse:
    """What an account has used of a month."""

    events: MonthlyUse
    calls: MonthlyUse

    @property
    def warning(self) -> str:
        """The sentences of the banner; "" as long as nothing is used up."""
        return " ".join(filter(None, (self.events.warning, self.calls.warning)))

    def differs_from(self, account: Account) -> bool:
        """Whether the account says something else of its use."""
        used = (account.events_used, account.api_calls_used, account.usage_warning)
        return used != (self.events.used, self.calls.used, self.warning)


def build_month_use(account: Account, events: int | None = None, calls: int | None = None) -> MonthUse:
    """Build the use of events and calls; the numbers are what the account says, unless given."""
    return MonthUse(build_event_use(account, events), build_call_use(account, calls))
