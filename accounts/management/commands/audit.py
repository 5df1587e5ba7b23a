"""`manage.py audit verify|heads|expire`: check the audit log, print the ends of its chains, delete old entries."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.audit.chain import (
    ChainProblem,
    ChainUnreadable,
    entries_seal,
    find_head_problem,
    find_problem,
    find_unsealed,
    list_chain_ids,
)
from accounts.audit.models import AuditChain
from accounts.audit.retention import audit_entries_expire
from accounts.management.installation_command import InstallationCommand


class Command(InstallationCommand):
    help = "Check that no entry of the audit log was changed or removed; print the ends of its chains; delete old ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "heads", "expire"])
        parser.add_argument(
            "--account", type=int, metavar="ID", help="verify: only this account; 0: the installation's own"
        )
        parser.add_argument("--heads", metavar="FILE", help="verify: that the chains go on from the ends in this file")

    def handle(self, *, action: str, account: int | None, heads: str | None, **_: object) -> None:
        if action != "verify" and (account is not None or heads):
            raise CommandError("--account and --heads are for verify only.")
        if action == "expire":
            self.stdout.write(f"{audit_entries_expire(now=timezone.now())} entries were deleted.")
        elif action == "heads":
            entries_seal(now=timezone.now())
            for chain in AuditChain.objects.filter(last_number__gt=0).order_by("pk"):
                self.stdout.write(f"{chain.pk} {chain.last_number} {chain.last_digest}")
        else:
            ends = [head for head in read_heads(heads) if account is None or head[0] == account]
            self.verify([account] if account is not None else list_chain_ids(), ends)

    def verify(self, chain_ids: list[int], ends: list[tuple[int, int, str]]) -> None:
        """Check these chains, and those of the printed ends, which may be gone. Raises CommandError with the first
        problem of each."""
        now = timezone.now()
        unsealed = find_unsealed(chain_ids, now)
        try:
            outcomes = [find_problem(chain_id, now) for chain_id in chain_ids]
            outcomes += [find_head_problem(*end) for end in ends]
        except ChainUnreadable as error:
            raise CommandError(str(error)) from error
        problems: list[ChainProblem] = [problem for problem in outcomes if problem is not None]
        if problems:
            raise CommandError("\n".join(map(str, problems)))
        self.stdout.write(f"{len(chain_ids)} chains are complete.")
        if unsealed.since is not None:
            since = f"{unsealed.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            self.stdout.write(
                f"{unsealed.count} entries since {since} have no seal yet, so a change of them would not be noticed."
            )


def read_heads(path: str | None) -> list[tuple[int, int, str]]:
    """Read (chain, number, hash) from a file of printed ends. Raises CommandError for another file."""
    if path is None:
        return []
    try:
        lines = [line.split() for line in Path(path).read_text().splitlines()]
        return [(int(chain), int(number), digest) for chain, number, digest in lines]
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is no file of `manage.py audit heads`: {error}") from error
