"""DNS checks of host claims: every minute those that are due, and a single one on request."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone as clock

from accounts.custom_domains.services import claim_record_lookup, claim_record_unavailable
from accounts.custom_domains.txt_records import DnsUnavailable, look_up_named_accounts
from accounts.models import HostClaim, VerificationMethod
from accounts.run_each import run_each
from accounts.security import rate_limits
from accounts.selectors import rank_by_account

MAX_CLAIMS_PER_ROUND = 200
MAX_CLAIMS_PER_ACCOUNT = 20  # per round, so that slow name servers of one account do not delay the others
MAX_PARALLEL_LOOKUPS = 20
RETRY_INTERRUPTED_AFTER = timedelta(minutes=3)  # for claims of a round that was interrupted
log = logging.getLogger(__name__)
LookupResult = frozenset[int] | DnsUnavailable  # ids of the accounts that the record names


def claims_check(*, now: datetime) -> int:
    """Look up the claims that are due and store each result as it arrives; returns the number of claims checked."""
    due = _list_due_claims(now)
    HostClaim.objects.filter(pk__in=[claim.pk for claim in due]).update(next_check=now + RETRY_INTERRUPTED_AFTER)
    by_host: dict[str, list[HostClaim]] = {}
    for claim in due:
        by_host.setdefault(claim.host, []).append(claim)
    with ThreadPoolExecutor(MAX_PARALLEL_LOOKUPS, thread_name_prefix="dns") as pool:
        lookups = {pool.submit(_look_up, host): host for host in by_host}
        for lookup in as_completed(lookups):
            store = partial(_store_result, result=lookup.result(), now=now)
            run_each(by_host[lookups[lookup]], store, what="Host claim")
    return len(due)


def claim_check_now(claim: HostClaim) -> int:
    """Look up one claim now; returns 0, or the seconds to wait if the account has checked too often."""
    if wait := rate_limits.count_attempt((rate_limits.CHECK_ACCOUNT, str(claim.account_id))):
        return wait
    claim_check(claim)
    return 0


def claim_check(claim: HostClaim) -> None:
    """Look up one claim now; the caller has counted the attempt."""
    _store_result(claim, _look_up(claim.host), clock.now())


def _list_due_claims(now: datetime) -> list[HostClaim]:
    """List the claims of one round: the longest due first, at most MAX_CLAIMS_PER_ACCOUNT of one account."""
    due = HostClaim.objects.filter(next_check__lte=now).exclude(verification_method=VerificationMethod.OPERATOR)
    ranked = rank_by_account(due, "account_id", "next_check").filter(rank__lte=MAX_CLAIMS_PER_ACCOUNT)
    return list(ranked[:MAX_CLAIMS_PER_ROUND])


def _look_up(host: str) -> LookupResult:
    try:
        return look_up_named_accounts(host)
    except DnsUnavailable as error:
        return error
    except Exception as error:
        log.exception("looking up the record of %s failed", host)
        return DnsUnavailable(f"The record could not be read ({type(error).__name__}). We try again later.")


def _store_result(claim: HostClaim, result: LookupResult, now: datetime) -> None:
    if isinstance(result, DnsUnavailable):
        claim_record_unavailable(claim=claim, message=str(result), now=now)
    else:
        claim_record_lookup(claim=claim, named=result, now=now)
