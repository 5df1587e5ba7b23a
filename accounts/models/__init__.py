"""Models of users, accounts and what belongs to them."""

from accounts.models.accounts import (
    Account,
    ExposedKey,
    Grant,
    InstallationSettings,
    Invitation,
    Membership,
    Right,
    Role,
    SignUp,
    User,
)
from accounts.models.api_access import (
    INSTALLATION,
    OPERATOR_SCOPES,
    READ,
    SCOPES,
    WRITE,
    Area,
    IdempotentRequest,
    PersonalToken,
)
from accounts.models.host_claims import EXCLUSIVE_PURPOSES, HostClaim, HostOwner, Purpose, VerificationMethod
from accounts.models.secret_key_fingerprint import SecretKeyFingerprint, compute_fingerprint

__all__ = [
    "EXCLUSIVE_PURPOSES",
    "INSTALLATION",
    "OPERATOR_SCOPES",
    "READ",
    "SCOPES",
    "WRITE",
    "Account",
    "Area",
    "ExposedKey",
    "Grant",
    "HostClaim",
    "HostOwner",
    "IdempotentRequest",
    "InstallationSettings",
    "Invitation",
    "Membership",
    "PersonalToken",
    "Purpose",
    "Right",
    "Role",
    "SecretKeyFingerprint",
    "SignUp",
    "User",
    "VerificationMethod",
    "compute_fingerprint",
]
