"""`manage.py custom_domain list|approve|revoke [HOST]`: hosts that accounts claim, and the operator's word on them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from accounts.custom_domains.models import HostClaim, Proof, Purpose
from accounts.custom_domains.services import claim_approve, claim_revoke
from accounts.host_names import host_name
from accounts.management.installation import InstallationCommand


class Command(InstallationCommand):
    help = "List hosts that accounts claim, prove a claim by the operator's word, or take a proof away."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "approve", "revoke"])
        parser.add_argument("host", nargs="?", default="", help="all hosts, when listing without one")
        parser.add_argument("--account", type=int, metavar="ID", help="only claims of this account")
        parser.add_argument("--purpose", choices=Purpose.values, help="only claims for this purpose")

    def handle(self, *args: Any, **options: Any) -> None:
        host = host_name(options["host"])
        if options["action"] != "list" and not host:
            raise CommandError("Name the host, such as go.example.com.")
        claims = chosen_claims(host, options["account"], options["purpose"])
        if options["action"] == "list":
            self.stdout.write("\n".join(map(line, claims)) or "No account claims such a host.")
        elif options["action"] == "approve":
            self.approve(host, claims)
        else:
            self.revoke(host, claims)

    def approve(self, host: str, claims: QuerySet[HostClaim]) -> None:
        """Prove the one claim that is meant."""
        claim = only_one(host, claims.exclude(proof=Proof.OPERATOR))
        try:
            claim_approve(claim=claim)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(line(claim))

    def revoke(self, host: str, claims: QuerySet[HostClaim]) -> None:
        """Take the proof of every claim that is meant."""
        proved = list(claims.filter(proved__isnull=False))
        if not proved:
            raise CommandError(f"No claim on {host} that you mean is proved. See: manage.py custom_domain list {host}")
        for claim in proved:
            by_dns = claim.proof == Proof.DNS
            claim_revoke(claim=claim, reason="The operator took the proof away.")
            self.stdout.write(line(claim))
            if by_dns:
                self.stdout.write(f"While {claim.record_name} says {claim.record_value}, it will be proved again.")


def chosen_claims(host: str, account_id: int | None, purpose: str | None) -> QuerySet[HostClaim]:
    """The claims that the arguments mean."""
    claims = HostClaim.objects.select_related("account").order_by("host", "purpose", "account_id")
    wanted = {"host": host, "account_id": account_id, "purpose": purpose}
    return claims.filter(**{name: value for name, value in wanted.items() if value})


def only_one(host: str, claims: QuerySet[HostClaim]) -> HostClaim:
    """The claim, if it is the only one. Raises CommandError."""
    found = list(claims)
    if not found:
        raise CommandError(
            f"No account waits for {host}. The account claims it first: Links → Domains, White label, or a new site."
        )
    if len(found) > 1:
        lines = "\n".join(line(claim) for claim in found)
        raise CommandError(f"Several claims on {host}; choose one with --account and --purpose:\n{lines}")
    return found[0]


def line(claim: HostClaim) -> str:
    """A claim in one line."""
    state = f"proved ({claim.proof})" if claim.proved else "pending"
    return f"{claim.host}  {claim.purpose}  account {claim.account_id} ({claim.account})  {state}"
