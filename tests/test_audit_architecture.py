"""Services record what they write, in the transaction of the write."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_architecture import ROOT, WRITES, list_sources

EVENT_RECORDERS = {"record_event", "record_shown", "record_exported", "record_repeatable"}  # of what writes nothing
RECORDERS = {"record_action", "record_change"} | EVENT_RECORDERS
ROW_WRITES = (WRITES | {"update", "add", "set", "clear", "remove"}) - {"add", "set", "clear", "remove"}
# Functions of services that write and record nothing themselves, and why
SILENT = {
    # What callers record
    "accounts/services/members.py member_role_store": "callers record the change of the member",
    "accounts/services/members.py _replace_grants": "member_access_set records the change",
    "accounts/services/members.py _set_grant": "grant_set records the change",
    "accounts/services/invitations.py _add_grant": "invitation_accept records the grants",
    "accounts/services/invitations.py _accept_membership": "invitation_accept records the member",
    "accounts/services/invitations.py _mark_used": "invitation_accept and installation_setup record it",
    "accounts/services/invitations.py _replace_link": "invitation_resend and invitation_link_create record it",
    "accounts/services/user_deletion.py _keep_pending_guests": "the guests stay as they were; user_delete is recorded",
    "accounts/services/brands.py host_findings_store": "what was found at hosts, not what somebody did",
    "accounts/services/brands.py _store_brand": "its callers record the change of the account",
    "goals/services.py _validate_and_save_goal": "its callers record the goal",
    "goals/services.py _validate_and_save_segment": "its callers record the segment",
    "links/services/links.py set_related_rows": "datapoint_update records the names of the rows",
    "sites/alerts/services.py alert_notify": "a notification is no change of the alert",
    "accounts/services/users.py user_email_verify": "follows from a user who is created, or from a mailed code",
    "accounts/services/users.py _delete_rows_of_others": "nobody logs in by them; the address's own user is recorded",
    "accounts/services/sessions.py _end": "session_end and sessions_end record it",
    "accounts/notices/services.py notify": "it tells of what is recorded where it happens",
    "accounts/notices/services.py notices_mark": "what a person has read is theirs",
    "accounts/notices/services.py notice_choices_set": "what a person is told of is theirs",
    "accounts/notices/services.py notices_clear": "they were written months ago",
    "accounts/services/notice_mails.py notice_mails_send": "a mail is no change of an object",
    "accounts/services/notice_mails.py notice_mail_postpone": "a mail is no change of an object",
    "accounts/services/users.py user_changelog_read": "what a person has read is theirs",
    "accounts/exports/services.py export_claim": "that an export was asked for is recorded",
    "accounts/exports/services.py export_write": "that an export was asked for is recorded",
    "accounts/exports/services.py export_finish": "that an export was asked for is recorded",
    "accounts/exports/services.py export_fail": "that an export was asked for is recorded",
    "accounts/exports/services.py exports_clear": "they were written days ago",
    "accounts/services/sso.py _forget_identities": "the connection that is changed or deleted is recorded",
    "accounts/services/sso_former_members.py former_member_remember": "the end of the member is recorded",
    "accounts/services/sso_former_members.py former_member_forget": "that the person joins is recorded",
    "accounts/services/sso_domains.py _store_lookup": "_verify and _withdraw record what it means",
    "accounts/services/sso_domains.py sso_domain_check": "DNS did not answer",
    "reports/onsite/services.py widget_continue": "that the widget was opened is recorded",
    "reports/onsite/services.py widgets_clear": "they were over",
    # Bookkeeping
    "accounts/services/sessions.py session_remember": "a log-in is recorded",
    "accounts/services/sessions.py session_prolong": "when a session was last used",
    "accounts/services/idempotency.py idempotent_request_claim": "the request itself is recorded",
    "accounts/services/idempotency.py idempotent_request_answer": "the request itself is recorded",
    "accounts/services/personal_tokens.py personal_token_use": "when a token was last used",
    "accounts/services/idempotency.py idempotent_request_release": "the request itself is recorded",
    "accounts/services/idempotency.py idempotent_requests_clear": "they are over",
    "accounts/services/usage.py account_usage_set": "counting",
    "accounts/services/usage.py event_days_store": "counting",
    "accounts/services/usage.py _add_calls": "counting",
    "accounts/services/usage.py usage_clear": "they were counted years ago",
    "sites/alerts/services.py billing_deliveries_clear": "they were sent months ago",
    "accounts/services/users.py placeholder_user_get_or_create": "its callers record the guest or member",
    "accounts/services/users.py placeholder_user_delete": "the end of a member is recorded",
    "accounts/services/invitations.py _delete_old_invitations": "they were closed weeks ago",
    "accounts/custom_domains/services.py host_provision": "claim_approve records the verified host",
    "accounts/custom_domains/services.py claim_record_unavailable": "DNS did not answer",
    "accounts/custom_domains/services.py _transfer_host": "the claims of both accounts are recorded",
    "accounts/custom_domains/services.py _delete_owner_without_claims": "the end of the last claim is recorded",
    "accounts/revocation.py exposed_keys_add": "follows from the end of a member's access, which is recorded",
    "accounts/revocation.py exposed_keys_move": "follows from a moved site, which is recorded",
    "accounts/revocation.py exposed_keys_clear": "follows from a replaced key, which is recorded",
    "accounts/services/suspension.py _store_suspension": "its callers record the suspension",
    "sites/services.py claim_changed": "reloads a cache",
    "sites/services.py suspension_changed": "reloads a cache",
    "sites/alerts/services.py delivery_queue": "a message is no change of an object",
    "sites/uptime/services.py end_watched_period": "history",
    "sites/uptime/services.py stop_monitoring": "history",
    "sites/uptime/services.py checks_replay": "history of the demo",
    "sites/uptime/services.py incident_notify": "a notification",
    "links/services/domains.py domain_check_store": "the result of a check",
    "reports/digests/services.py send_claimed_mail": "mails that were sent",
    "reports/digests/services.py claim_mail": "mails that were sent",
    "accounts/custom_domains/services.py _lock_owner": "a lock",
    "reports/incident_costs/services.py incident_cost_estimate": "derived from events",
}


def list_service_files() -> list[str]:
    """List the modules in which services are, as `docs/development.md` says."""
    return [
        name
        for name in list_sources()
        if "/services/" in name or name.endswith("/services.py") or name == "accounts/revocation.py"
    ]


def list_functions(name: str) -> Iterator[ast.FunctionDef]:
    tree = ast.parse((ROOT / name).read_text())
    yield from (node for node in tree.body if isinstance(node, ast.FunctionDef))


def list_calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(function) if isinstance(node, ast.Call))


def get_called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def writes_rows(function: ast.FunctionDef) -> bool:
    """Whether the function calls a method that writes rows, other than of a dictionary or set."""
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in ROW_WRITES
        and not (call.func.attr == "update" and "objects" not in ast.unparse(call.func) and not call.keywords)
        for call in list_calls(function)
    )


def records(function: ast.FunctionDef) -> bool:
    return any(get_called_name(call) in RECORDERS for call in list_calls(function))


def is_atomic(function: ast.FunctionDef) -> bool:
    """Whether the function runs in a transaction of its own, or records inside of one."""
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    return "transaction.atomic" in decorators or "transaction.atomic()" in ast.unparse(function)


def test_every_service_that_writes_records_it() -> None:
    unrecorded = {
        f"{name} {function.name}"
        for name in list_service_files()
        for function in list_functions(name)
        if writes_rows(function) and not records(function)
    }
    assert unrecorded - set(SILENT) == set(), "record these, or say in SILENT why not"
    assert set(SILENT) - unrecorded == set(), "these record what they write, or write nothing any more"


def test_actions_are_recorded_in_the_transaction_of_the_write() -> None:
    outside = [
        f"{name} {function.name}"
        for name in list_sources()
        if not name.startswith("accounts/audit/")
        for function in list_functions(name)
        if any(get_called_name(call) in RECORDERS - EVENT_RECORDERS for call in list_calls(function))
        and not is_atomic(function)
    ]
    assert outside == []


def test_every_recorded_action_is_registered() -> None:
    from accounts.audit.subjects import SUBJECTS, list_actions

    named = {
        constant.value
        for path in map(Path, list_sources())
        for call in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(call, ast.Call) and get_called_name(call) in RECORDERS and call.args
        for constant in ast.walk(call.args[0])
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
    assert named - set(list_actions()) == set()
    assert set(list_actions()) - named == set(), "nothing records these"
    assert all(subject.verbs and subject.label for subject in SUBJECTS.values())
