"""Exports: tables that are written to a file by a task, and can be downloaded for some days."""
