"""Triggers that refuse to change entries and seals, and to delete any but in the transaction that deletes old ones.

On SQLite, REPLACE deletes a row without its triggers unless `recursive_triggers` is on, so a trigger refuses rows whose
number is in use. A later migration that changes these tables has to create the triggers again: SQLite loses them.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = {"audit_auditentry": "id", "audit_auditseal": "entry_id"}
SQLITE = """
CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;
CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} WHEN NOT EXISTS (SELECT 1 FROM audit_auditdeletion)
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be deleted'); END;
CREATE TRIGGER {table}_replace BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be replaced'); END;
"""
POSTGRESQL = """
CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM audit_auditdeletion) THEN RETURN OLD; END IF;
  IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT 1 FROM {table}) THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'the audit log cannot be changed or deleted';
END $$;
CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_refuse();
CREATE TRIGGER {table}_table BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();
"""


def create_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    template = POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE
    for table, key in TABLES.items():
        script = template.format(table=table, key=key)
        separator = "END;\n" if template is SQLITE else None
        for statement in script.split(separator) if separator else [script]:
            if statement.strip():
                schema_editor.execute(f"{statement}{separator or ''}", params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(create_triggers)]
