"""Data and functions that recognise bots; `tracking.pipeline.quarantine` calls them in order of cost."""
