"""Classes have the names of what their rows are: an entry of a list, a conversion of a link."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("links", "0001_initial")]

    operations = [
        migrations.RenameModel("Entry", "ListEntry"),
        migrations.RenameModel("Attached", "LinkConversion"),
    ]
