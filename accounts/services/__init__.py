"""Writes of users, accounts and members; those of invitations are in a module that is imported by its name."""

from accounts.services.accounts import (
    ACCOUNT_KEY,
    account_brand_set,
    account_create,
    account_key_rotate,
    account_limits_set,
    account_lock,
    account_quota_set,
    account_update,
    account_usage_set,
)
from accounts.services.members import (
    GUEST_KEYS,
    clean_grants,
    find_existing_objects,
    grant_set,
    member_access_set,
    member_key_rotate,
    member_remove,
    member_role_store,
)
from accounts.services.users import (
    is_placeholder,
    placeholder_user_delete,
    placeholder_user_get_or_create,
    user_create,
    user_password_set,
    user_update,
)

__all__ = [
    "ACCOUNT_KEY",
    "GUEST_KEYS",
    "account_brand_set",
    "account_create",
    "account_key_rotate",
    "account_limits_set",
    "account_lock",
    "account_quota_set",
    "account_update",
    "account_usage_set",
    "clean_grants",
    "find_existing_objects",
    "grant_set",
    "is_placeholder",
    "member_access_set",
    "member_key_rotate",
    "member_remove",
    "member_role_store",
    "placeholder_user_delete",
    "placeholder_user_get_or_create",
    "user_create",
    "user_password_set",
    "user_update",
]
