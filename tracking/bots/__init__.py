"""Data and functions that recognise bots; `tracking.steps.bots` calls them in order of cost."""
