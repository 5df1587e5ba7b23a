"""The ClickMeter API, version 2: 108 operations, one table, thin handlers over services and the engine."""
