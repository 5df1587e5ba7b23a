"""Accounts have a plan, and say what they used of it. Names of plans that accounts had among their limits become
plans."""

import django.db.models.deletion
from django.db import migrations, models

OLD_NAME = "plan"  # among the limits of an account


def create_named_plans(apps, schema_editor):
    """Create a plan without limits for each name, and give it to the accounts that had the name."""
    plans = apps.get_model("plans", "Plan").objects
    for account in apps.get_model("accounts", "Account").objects.exclude(limits={}).iterator():
        name = str(account.limits.pop(OLD_NAME, ""))[:60]
        if name:
            account.plan, _ = plans.get_or_create(name=name)
            account.save(update_fields=["limits", "plan"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_one_spelling_of_addresses"), ("plans", "0001_initial")]

    operations = [
        migrations.AddField(
            "account",
            "plan",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="plans.plan",
            ),
        ),
        migrations.AddField(
            "account",
            "plan_limits",
            models.JSONField(
                blank=True, default=dict, help_text="A copy of the plan's limits, which APIs read at each request"
            ),
        ),
        migrations.AlterField(
            "account", "monthly_events", models.BigIntegerField(default=0, help_text="Own quota; 0: the plan's")
        ),
        migrations.AddField(
            "account",
            "api_calls_used",
            models.BigIntegerField(default=0, help_text="Of the running month, as last counted"),
        ),
        migrations.AddField(
            "account",
            "over_api_calls",
            models.BooleanField(default=False, help_text="API calls are refused until the month ends"),
        ),
        migrations.AddField(
            "account",
            "usage_warning",
            models.CharField(blank=True, help_text="The sentence of the banner on its pages", max_length=500),
        ),
        migrations.AddConstraint(
            "account",
            models.CheckConstraint(condition=models.Q(api_calls_used__gte=0), name="account_api_calls_not_negative"),
        ),
        migrations.RunPython(create_named_plans, migrations.RunPython.noop),
    ]
