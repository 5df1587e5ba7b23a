"""Secrets that are stored: model fields whose values are encrypted in the database, with keys made from SECRET_KEY, and
their display in forms, where dots stand for a stored secret and leave it unchanged when they are submitted.

Only this module uses the library (django-fernet-encrypted-fields). The library derives the keys: PBKDF2 over
SECRET_KEY, and over each of SECRET_KEY_FALLBACKS for values that were encrypted before the key was changed. Its own
fields are not used as they are, because

- they derive the keys again for each field, which takes some 30 ms each; here it is done once per process;
- while one thread validates a form, every other thread that reads a row gets the *encrypted* text;
- they store an empty text as NULL, and return the encrypted text if no key decrypts it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Cast
from encrypted_fields.fields import EncryptedCharField as LibraryCharField
from encrypted_fields.fields import EncryptedFieldMixin
from encrypted_fields.fields import EncryptedTextField as LibraryTextField

log = logging.getLogger(__name__)
MAX_CHECKED_ROWS = 100  # of each column, when we check whether SECRET_KEY decrypts them
DOTS = "••••••••"
StoredTexts: TypeAlias = "models.QuerySet[models.Model, tuple[object, str]]"  # (primary key, encrypted text)


class Unreadable:
    """The value of a secret that no key decrypts: it is empty, and `save` stores the encrypted text unchanged."""

    stored: str


class UnreadableText(Unreadable, str):
    """An empty text for a secret that cannot be read."""

    def __new__(cls, stored: str) -> UnreadableText:
        value = super().__new__(cls, "")
        value.stored = stored
        return value


class UnreadableDict(Unreadable, dict[str, object]):
    """An empty dictionary for secrets that cannot be read."""

    def __init__(self, stored: str) -> None:
        super().__init__()
        self.stored = stored


def get_cipher() -> Fernet | MultiFernet:
    """Return the cipher, which encrypts with SECRET_KEY and decrypts also with SECRET_KEY_FALLBACKS."""
    return _build_cipher(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS), settings.SALT_KEY)


@lru_cache(maxsize=4)
def _build_cipher(secret_key: str, fallbacks: tuple[str, ...], salt: str) -> Fernet | MultiFernet:
    """Build the cipher of these settings. The library reads them itself; the arguments are the key of the cache."""
    cipher: Fernet | MultiFernet = EncryptedFieldMixin().f
    return cipher


def encrypt(text: str) -> str:
    """Encrypt a text, as base64."""
    return get_cipher().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str | None:
    """Decrypt a text of `encrypt`; returns None if it was encrypted with another key, or not at all."""
    try:
        return get_cipher().decrypt(stored.encode()).decode()
    except InvalidToken:
        return None


@lru_cache(maxsize=64)
def log_unreadable(column: str) -> None:
    """Log, once per process, that a column has values which no key decrypts."""
    log.error("%s: a stored secret was encrypted with another SECRET_KEY; name that in SECRET_KEY_FALLBACKS", column)


class EncryptedField:
    """Base of the fields below. They have no lookups but `isnull`, because equal values are stored differently."""

    @property
    def f(self) -> Fernet | MultiFernet:
        """The cipher, in place of the library's one per field."""
        return get_cipher()

    def get_lookup(self, lookup_name: str) -> object:
        """Allow `isnull` only."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None  # type: ignore[misc]


class EncryptedCharField(EncryptedField, LibraryCharField, models.CharField):  # type: ignore[misc, type-arg]
    """A line of text, encrypted; `max_length` is that of the readable text. The column is of type text."""

    def to_python(self, value: object) -> object:
        """Accept plain text only, unlike the library's method, which tries to decrypt what people type."""
        return models.CharField.to_python(self, value)

    def clean(self, value: object, model_instance: models.Model | None) -> object:
        """Validate as a plain CharField does."""
        return models.CharField.clean(self, value, model_instance)

    def get_prep_value(self, value: str | None) -> str | None:
        """Encrypt; an empty text stays empty, and an unreadable one is stored as it was."""
        if isinstance(value, Unreadable):
            return value.stored
        return encrypt(str(value)) if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        """Decrypt."""
        if not value:
            return value
        text = decrypt(value)
        if text is None:
            log_unreadable(str(self))
            return UnreadableText(value)
        return text


class EncryptedDictField(EncryptedField, LibraryTextField, models.TextField):  # type: ignore[misc, type-arg]
    """A dictionary of JSON values, encrypted as one text; an empty one is stored as an empty text."""

    _pyi_private_set_type: Any  # for mypy: a row has a dictionary, not text
    _pyi_private_get_type: Any

    def to_python(self, value: object) -> object:
        """Accept a dictionary as it is."""
        return value

    def clean(self, value: object, model_instance: models.Model | None) -> object:
        """Validate as a plain field does."""
        return models.Field.clean(self, value, model_instance)

    def value_to_string(self, obj: models.Model) -> Any:
        """Leave it to `dumpdata`'s own JSON."""
        return self.value_from_object(obj)

    def get_prep_value(self, value: object) -> str | None:
        """Encrypt the JSON; an unreadable value is stored as it was."""
        if isinstance(value, Unreadable):
            return value.stored
        return encrypt(json.dumps(value)) if value else ""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> dict[str, object]:
        """Decrypt."""
        if not value:
            return {}
        text = decrypt(value)
        if text is None:
            log_unreadable(str(self))
            return UnreadableDict(value)
        return dict(json.loads(text))


def list_encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every encrypted field of the project: its model and its name."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedField):
                yield model, field.name


def list_stored_texts(model: type[models.Model], field: str, using: str = "default") -> StoredTexts:
    """List (primary key, stored text) of every row with a value in the field, the newest first."""
    rows = model._default_manager.using(using).annotate(stored=Cast(field, models.TextField()))
    texts: StoredTexts = rows.exclude(stored="").order_by("-pk").values_list("pk", "stored")
    return texts


def parse_decrypted(model: type[models.Model], field: str, text: str) -> object:
    """Parse a decrypted text to the field's Python value."""
    return json.loads(text) if isinstance(model._meta.get_field(field), EncryptedDictField) else text


def find_unreadable_columns() -> list[str]:
    """Find the encrypted columns (`app.Model.field`) with a value, among the newest, that no key decrypts."""
    columns = []
    for model, field in list_encrypted_columns():
        newest = list_stored_texts(model, field)[:MAX_CHECKED_ROWS]
        if any(decrypt(text) is None for _, text in newest):
            columns.append(f"{model._meta.label}.{field}")
    return columns


def reencrypt_column(model: type[models.Model], field: str) -> tuple[int, int]:
    """Encrypt every value of a column again with SECRET_KEY; returns how many succeeded and how many no key decrypts.

    A value that another process stores meanwhile is left alone: it is encrypted with SECRET_KEY already.
    """
    succeeded = failed = 0
    for pk, stored in list(list_stored_texts(model, field)):
        text = decrypt(stored)
        if text is None:
            failed += 1
            continue
        unchanged_row = model._default_manager.annotate(stored=Cast(field, models.TextField())).filter(
            pk=pk, stored=stored
        )
        succeeded += unchanged_row.update(**{field: parse_decrypted(model, field, text)})
    return succeeded, failed


def mask(secret: str) -> str:
    """Return dots for a secret, "" for none."""
    return DOTS if secret else ""


def unmask(entered: str, stored: str) -> str:
    """Return the stored secret if its dots were submitted, else the entered text.

    Raises ValidationError for dots without a stored secret, or within other text.
    """
    if entered == DOTS and stored:
        return stored
    if not entered and isinstance(stored, Unreadable):
        return stored  # unchanged: the key that decrypts it may be added to SECRET_KEY_FALLBACKS later
    if "•" in entered:
        raise ValidationError("Enter this again. The dots only stand for the stored value.")
    return entered
