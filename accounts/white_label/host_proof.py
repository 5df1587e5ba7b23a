"""What this installation answers at PROOF_PATH of every host that leads to it, and nobody else can."""

from __future__ import annotations

from django.utils.crypto import salted_hmac

PROOF_PATH = "/.well-known/host-proof"


def build_proof(host: str) -> str:
    """Build the answer for a normalized host."""
    return salted_hmac("accounts.white_label.host_proof", host, algorithm="sha256").hexdigest()[:40]
