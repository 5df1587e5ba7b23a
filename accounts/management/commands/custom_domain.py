"""`manage.py custom_domain list|approve|revoke|served [HOST]`: list and decide claims on hosts."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from accounts.branding import list_brand_claims
from accounts.custom_domains.services import claim_approve, claim_revoke
from accounts.host_names import is_installation_host, is_public_host, list_installation_hosts, normalize_host
from accounts.management.installation_command import InstallationCommand
from accounts.models import HostClaim, Purpose, VerificationMethod
from accounts.selectors import list_verified_claims


class Command(InstallationCommand):
    help = "List claims on hosts or the hosts that need a certificate, approve a claim without DNS, or withdraw it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "approve", "revoke", "served"])
        parser.add_argument("host", nargs="?", default="", help="all hosts, when listing without one")
        parser.add_argument("--account", type=int, metavar="ID", help="only claims of this account")
        parser.add_argument("--purpose", choices=Purpose.values, help="only claims for this purpose")

    def handle(self, *, action: str, host: str, account: int | None, purpose: str | None, **_: object) -> None:
        host = normalize_host(host)
        if action == "served":
            self.stdout.write("\n".join(list_served_hosts()))
            return
        if action != "list" and not host:
            raise CommandError("Name the host, such as go.example.com.")
        claims = select_claims(host, account, purpose)
        if action == "list":
            self.stdout.write("\n".join(map(format_claim, claims)) or "No account claims such a host.")
        elif action == "approve":
            self.approve(host, claims)
        else:
            self.revoke(host, claims)

    def approve(self, host: str, claims: QuerySet[HostClaim]) -> None:
        """Approve the one claim that the arguments select."""
        claim = get_only_claim(host, claims.exclude(verification_method=VerificationMethod.OPERATOR))
        try:
            claim_approve(claim=claim)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(format_claim(claim))

    def revoke(self, host: str, claims: QuerySet[HostClaim]) -> None:
        """Withdraw the verification of every claim that the arguments select."""
        verified = list(claims.filter(verified__isnull=False))
        if not verified:
            raise CommandError(
                f"These arguments select no verified claim on {host}. See: manage.py custom_domain list {host}"
            )
        for claim in verified:
            by_dns = claim.verification_method == VerificationMethod.DNS
            claim_revoke(claim=claim, reason="The operator withdrew the verification.")
            self.stdout.write(format_claim(claim))
            if by_dns:
                self.stdout.write(f"While {claim.record_name} says {claim.record_value}, it will be verified again.")


def list_served_hosts() -> list[str]:
    """List the hosts that pages, scripts or links are served on: the installation's own and the proved ones."""
    links = list_verified_claims(Purpose.LINKS).values_list("host", flat=True)
    brands = (claim.host for claim in list_brand_claims())
    proved = {host for host in (*brands, *links) if not is_installation_host(host)}
    return sorted(host for host in proved | list_installation_hosts() if is_public_host(host))


def select_claims(host: str, account_id: int | None, purpose: str | None) -> QuerySet[HostClaim]:
    """Select claims by the arguments that are given."""
    claims = HostClaim.objects.select_related("account").order_by("host", "purpose", "account_id")
    lookups = {"host": host, "account_id": account_id, "purpose": purpose}
    return claims.filter(**{name: value for name, value in lookups.items() if value})


def get_only_claim(host: str, claims: QuerySet[HostClaim]) -> HostClaim:
    """Return the claim if it is the only one. Raises CommandError."""
    matches = list(claims)
    if not matches:
        raise CommandError(
            f"No account waits for {host}. An account claims it first: Links → Domains, White label, or a new site."
        )
    if len(matches) > 1:
        lines = "\n".join(format_claim(claim) for claim in matches)
        raise CommandError(f"Several claims on {host}; choose one with --account and --purpose:\n{lines}")
    return matches[0]


def format_claim(claim: HostClaim) -> str:
    """Format a claim as one line."""
    state = f"verified ({claim.verification_method})" if claim.verified else "pending"
    return f"{claim.host}  {claim.purpose}  account {claim.account_id} ({claim.account})  {state}"
