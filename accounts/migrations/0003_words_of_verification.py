"""A claim is verified by a method, as the pages say; the constraints name these columns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_seeds_of_authkeys")]

    operations = [
        migrations.RemoveConstraint("hostclaim", "one_proved_claim_per_purpose"),
        migrations.RemoveConstraint("hostclaim", "a_proved_claim_says_how"),
        migrations.RenameField("hostclaim", "proved", "verified"),
        migrations.RenameField("hostclaim", "proof", "verification_method"),
        migrations.AddConstraint(
            "hostclaim",
            models.UniqueConstraint(
                fields=["host", "purpose"],
                condition=models.Q(verified__isnull=False),
                name="one_verified_claim_per_purpose",
            ),
        ),
        migrations.AddConstraint(
            "hostclaim",
            models.CheckConstraint(
                condition=models.Q(verified__isnull=True, verification_method="")
                | models.Q(verified__isnull=False, verification_method__in=["dns", "operator"]),
                name="a_verified_claim_says_how",
            ),
        ),
    ]
