"""Looking into DNS for claims: a few due ones each minute, and one at once when somebody asks for it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta

from django.utils import timezone as clock

from accounts import throttle
from accounts.custom_domains.models import HostClaim, Proof
from accounts.custom_domains.services import claim_check_record, claim_note_unavailable
from accounts.custom_domains.txt_records import DnsUnavailable, accounts_named_for
from accounts.operations.fair_order import rank_by_account

MAX_CLAIMS_PER_ROUND = 200
MAX_CLAIMS_PER_ACCOUNT = 20  # of one round, so that nobody's slow name servers hold up the others
PARALLEL_LOOKUPS = 20
UNFINISHED = timedelta(minutes=15)  # when a round that broke off is made good
log = logging.getLogger(__name__)
Named = frozenset[int] | DnsUnavailable


def claims_check(*, now: datetime) -> int:
    """One round: look up what is due, write down each result as it comes; the number of claims looked at."""
    due = _due_claims(now)
    HostClaim.objects.filter(pk__in=[claim.pk for claim in due]).update(next_check=now + UNFINISHED)
    by_host: dict[str, list[HostClaim]] = {}
    for claim in due:
        by_host.setdefault(claim.host, []).append(claim)
    with ThreadPoolExecutor(PARALLEL_LOOKUPS, thread_name_prefix="dns") as pool:
        lookups = {pool.submit(_look_up, host): host for host in by_host}
        for done in as_completed(lookups):
            for claim in by_host[lookups[done]]:
                try:
                    _write_down(claim, done.result(), now)
                except Exception:
                    log.exception("the check of a claim could not be written down: %s", claim)
    return len(due)


def claim_check_now(claim: HostClaim) -> int:
    """Look up one claim while somebody waits; seconds to wait instead where the account asked too often."""
    if wait := throttle.count_attempt((throttle.CHECK_ACCOUNT, str(claim.account_id))):
        return wait
    _write_down(claim, _look_up(claim.host), clock.now())
    return 0


def _due_claims(now: datetime) -> list[HostClaim]:
    """The claims of one round: those due longest, with at most MAX_CLAIMS_PER_ACCOUNT of one account."""
    due = HostClaim.objects.filter(next_check__lte=now).exclude(proof=Proof.OPERATOR)
    ranked = rank_by_account(due, "account_id", "next_check").filter(rank__lte=MAX_CLAIMS_PER_ACCOUNT)
    return list(ranked[:MAX_CLAIMS_PER_ROUND])


def _look_up(host: str) -> Named:
    try:
        return accounts_named_for(host)
    except DnsUnavailable as error:
        return error
    except Exception as error:
        log.exception("looking up the record of %s failed", host)
        return DnsUnavailable(f"The record could not be read ({type(error).__name__}). It is asked again later.")


def _write_down(claim: HostClaim, named: Named, now: datetime) -> None:
    if isinstance(named, DnsUnavailable):
        claim_note_unavailable(claim=claim, sentence=str(named), now=now)
    else:
        claim_check_record(claim=claim, named=named, now=now)
