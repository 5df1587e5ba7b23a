"""Mails of notices, by a periodic task: nobody waits for the mail server, and one that is away loses nothing."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPSenderRefused

from accounts import mail
from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.notices.models import Notice
from accounts.notices.selectors import format_notice, select_notices
from accounts.run_each import run_each
from accounts.selectors import find_agency

log = logging.getLogger(__name__)
MAX_MAILS = 200  # in one run; the next one continues
RETRY_PAUSE, GIVE_UP_AFTER = timedelta(minutes=10), timedelta(days=1)
REFUSALS = (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError, SMTPNotSupportedError)


def notice_mails_send(*, now: datetime) -> int:
    """Mail the notices that are due; return how many were sent. Safe to run twice at once.

    A mail is claimed before it is sent: a missing mail is better than two, and the notice is in the inbox anyway.
    """
    due = Notice.objects.filter(mail_due__lte=now, user__is_active=True).select_related("user", "account")
    sent = 0
    for notice in due.order_by("mail_due", "pk")[:MAX_MAILS]:
        if not Notice.objects.filter(pk=notice.pk, mail_due=notice.mail_due).update(mail_due=None):
            continue  # another worker has it
        try:
            sent += sum(run_each([notice], mail_notice, what="The mail of notice", stop_for=(OSError,)))
        except REFUSALS as error:
            log.warning("The mail server rejected the mail of notice %s: %s", notice.pk, type(error).__name__)
        except OSError as error:  # smtplib's errors are OSErrors: the server is away, so the others wait as well
            log.warning("No notice can be mailed: %s", error)
            notice_mail_postpone(notice=notice, now=now)
            break
    return sent


def mail_notice(notice: Notice) -> bool:
    """Mail a notice, unless the person may not read it any more; return whether it was mailed."""
    if not select_notices(notice.user).filter(pk=notice.pk).exists():
        return False
    brand = load_notice_brand(notice)
    name = mail.join_to_line(notice.account.name) if notice.account else ""
    line = format_notice(notice)
    mail.send(to=notice.user.email, template="accounts/notice.txt", brand=brand, line=line, account_name=name)
    return True


def load_notice_brand(notice: Notice) -> Brand:
    """Load the brand of a notice's mail: that of its account, or of the agency for those who reach it through that."""
    if notice.account is None:
        return DEFAULT_BRAND
    agency = None if notice.user.memberships.filter(account=notice.account).exists() else find_agency(notice.account)
    return load_brand(agency or notice.account)


def notice_mail_postpone(*, notice: Notice, now: datetime) -> None:
    """Have a mail tried again later, for a day."""
    if now - notice.created < GIVE_UP_AFTER:
        Notice.objects.filter(pk=notice.pk).update(mail_due=now + RETRY_PAUSE)
