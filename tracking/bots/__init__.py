"""Data and functions that recognise bots; `tracking.pipeline.bot_quarantine` calls them in order of cost."""
