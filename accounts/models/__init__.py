"""Models of users, accounts and what belongs to them."""

from accounts.models.accounts import Account, ExposedKey, Grant, Invitation, Membership, Right, Role, User
from accounts.models.host_claims import EXCLUSIVE_PURPOSES, HostClaim, HostOwner, Purpose, VerificationMethod
from accounts.models.secret_key_fingerprint import SecretKeyFingerprint, compute_fingerprint

__all__ = [
    "EXCLUSIVE_PURPOSES",
    "Account",
    "ExposedKey",
    "Grant",
    "HostClaim",
    "HostOwner",
    "Invitation",
    "Membership",
    "Purpose",
    "Right",
    "Role",
    "SecretKeyFingerprint",
    "User",
    "VerificationMethod",
    "compute_fingerprint",
]
