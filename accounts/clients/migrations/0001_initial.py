import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0010_invitation_links_and_sign_up"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClientAccount",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="client",
                        serialize=False,
                        to="accounts.account",
                    ),
                ),
                (
                    "labels",
                    models.JSONField(
                        blank=True, default=list, help_text="Words by which the agency groups its clients"
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="clients", to="accounts.account"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SiteTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("content", models.JSONField(default=dict)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="site_templates",
                        to="accounts.account",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="sitetemplate",
            constraint=models.UniqueConstraint(fields=("agency", "name"), name="one_site_template_per_name"),
        ),
        migrations.AddConstraint(
            model_name="clientaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("account", models.F("agency")), _negated=True),
                name="client_is_not_its_own_agency",
            ),
        ),
    ]
