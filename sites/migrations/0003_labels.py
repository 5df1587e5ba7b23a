from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sites", "0002_words_of_addresses_and_keys")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="labels",
            field=models.JSONField(blank=True, default=list, help_text="Words by which people group sites"),
        )
    ]
