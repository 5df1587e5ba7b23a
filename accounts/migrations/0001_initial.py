"""The tables of users, accounts, memberships, invitations and host claims."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("key_generation", models.PositiveIntegerField(default=1)),
                ("authkey_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                ("monthly_events", models.BigIntegerField(default=0, help_text="Quota; 0 = unlimited")),
                (
                    "over_quota",
                    models.BooleanField(default=False, help_text="Tracking is refused until the month ends"),
                ),
                ("events_used", models.BigIntegerField(default=0, help_text="Of the running month, as last counted")),
                ("events_counted", models.DateTimeField(blank=True, null=True)),
                (
                    "brand",
                    models.JSONField(blank=True, default=dict, help_text="White label: host, name, logo, accent"),
                ),
                (
                    "profile",
                    models.JSONField(
                        blank=True, default=dict, help_text="Names, phone and formats of the account's page"
                    ),
                ),
                ("limits", models.JSONField(blank=True, default=dict, help_text="Requests per minute and plan limits")),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("events_used__gte", 0), ("monthly_events__gte", 0)),
                        name="account_events_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SecretKeyFingerprint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("salt", models.CharField(max_length=32)),
                ("fingerprint", models.CharField(max_length=64)),
                ("since", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(blank=True, max_length=120)),
                ("is_active", models.BooleanField(default=True)),
                ("is_operator", models.BooleanField(default=False, help_text="May see the installation's own pages")),
                ("preferences", models.JSONField(blank=True, default=dict)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "last_account",
                    models.ForeignKey(
                        blank=True,
                        help_text="Used last; opens by default",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="HostOwner",
            fields=[
                ("host", models.CharField(max_length=253, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Administrator"),
                            ("editor", "Editor"),
                            ("viewer", "Viewer"),
                            ("guest", "Guest"),
                        ],
                        default="viewer",
                        max_length=10,
                    ),
                ),
                ("key_generation", models.PositiveIntegerField(default=1)),
                ("authkey_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                (
                    "options",
                    models.JSONField(blank=True, default=dict, help_text="What a guest may not see, notes, formats"),
                ),
                (
                    "accepted",
                    models.DateTimeField(
                        blank=True,
                        default=django.utils.timezone.now,
                        help_text="When the person agreed; empty = invited only",
                        null=True,
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="accounts.account"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "account"), name="one_membership_per_account"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "admin", "editor", "viewer", "guest"])),
                        name="membership_role_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(blank=True, max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Administrator"),
                            ("editor", "Editor"),
                            ("viewer", "Viewer"),
                            ("guest", "Guest"),
                        ],
                        default="viewer",
                        max_length=10,
                    ),
                ),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                (
                    "grants",
                    models.JSONField(blank=True, default=list, help_text="[kind, id, right] given on acceptance"),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("used", models.DateTimeField(blank=True, null=True)),
                ("revoked", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="accounts.account",
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        blank=True,
                        help_text="The pending membership that is accepted by it",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="invitations",
                        to="accounts.membership",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["account", "created"], name="invitation_by_account")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "admin", "editor", "viewer", "guest"])),
                        name="invitation_role_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("account__isnull", False), models.Q(("email", ""), ("role", "owner")), _connector="OR"
                        ),
                        name="invitation_without_account_is_set_up",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("revoked", None), ("used", None)),
                        fields=("account", "email"),
                        name="one_open_invitation_per_address",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("object_id", models.BigIntegerField()),
                (
                    "right",
                    models.CharField(choices=[("read", "Read"), ("write", "Write")], default="read", max_length=5),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="grants", to="accounts.membership"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "object_id"], name="accounts_gr_kind_bb7073_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("membership", "kind", "object_id"), name="one_grant_per_thing"),
                    models.CheckConstraint(
                        condition=models.Q(("right__in", ["read", "write"])), name="grant_right_is_known"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="account",
            name="members",
            field=models.ManyToManyField(
                related_name="accounts", through="accounts.Membership", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.CreateModel(
            name="ExposedKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("object_id", models.BigIntegerField()),
                (
                    "person",
                    models.CharField(
                        help_text="Name and e-mail of who may know it: the user may be deleted", max_length=400
                    ),
                ),
                ("since", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exposed_keys", to="accounts.account"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "object_id"], name="exposed_key_by_object")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "kind", "object_id", "person"), name="one_row_per_exposed_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HostClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=253)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("links", "Link domain"), ("brand", "White label"), ("site", "Website")], max_length=5
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("proved", models.DateTimeField(blank=True, null=True)),
                (
                    "proof",
                    models.CharField(
                        blank=True, choices=[("dns", "DNS record"), ("operator", "Operator")], max_length=8
                    ),
                ),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("check_result", models.CharField(blank=True, max_length=300)),
                ("next_check", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="host_claims", to="accounts.account"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["host", "purpose"], name="accounts_ho_host_23d507_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "host", "purpose"), name="one_claim_per_account_and_purpose"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("purpose__in", ("links", "brand"))),
                        fields=("account", "host"),
                        name="links_or_brand_on_one_host",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("proved__isnull", False)),
                        fields=("host", "purpose"),
                        name="one_proved_claim_per_purpose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("proof", ""), ("proved__isnull", True)),
                            models.Q(("proof__in", ["dns", "operator"]), ("proved__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_proved_claim_says_how",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ["links", "brand", "site"])), name="claim_purpose_is_known"
                    ),
                ],
            },
        ),
    ]
