"""The tables of notices and of what people choose."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0009_list_earlier_sessions")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("key", models.CharField(max_length=120)),
                ("values", models.JSONField(blank=True, default=dict)),
                ("created", models.DateTimeField(db_index=True)),
                ("read", models.DateTimeField(blank=True, null=True)),
                (
                    "mail_due",
                    models.DateTimeField(
                        blank=True, help_text="When it is to be mailed; empty: not, or mailed", null=True
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="accounts.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-id"], name="notice_by_person"),
                    models.Index(condition=models.Q(("read", None)), fields=["user"], name="notice_unread"),
                    models.Index(
                        condition=models.Q(("mail_due__isnull", False)), fields=["mail_due"], name="notice_to_mail"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "kind", "key"), name="one_notice_per_person_and_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="NoticeChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                (
                    "way",
                    models.CharField(
                        choices=[("nothing", "Not at all"), ("inbox", "Inbox"), ("mail", "Inbox and e-mail")],
                        max_length=10,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_choices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "kind"), name="one_notice_choice_per_kind"),
                    models.CheckConstraint(
                        condition=models.Q(("way__in", ["nothing", "inbox", "mail"])), name="notice_way_is_known"
                    ),
                ],
            },
        ),
    ]
