import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.security.encrypted_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("goals", "0001_initial"),
        ("sites", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Share",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("token", accounts.security.encrypted_fields.EncryptedCharField(max_length=40)),
                ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                ("password", models.CharField(blank=True, help_text="Hashed; empty = none", max_length=200)),
                ("embed", models.BooleanField(default=False, help_text="Other sites may show it in a frame")),
                ("expires", models.DateTimeField(blank=True, null=True)),
                ("revoked", models.DateTimeField(blank=True, null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="goals.segment",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="shares", to="sites.site"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("embed", False), ("password", ""), _connector="OR"),
                        name="share_in_a_frame_has_no_password",
                    )
                ],
            },
        ),
    ]
