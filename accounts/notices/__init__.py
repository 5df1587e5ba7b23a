"""Notices: what concerns a person or their account, in the person's inbox, by mail too if they choose so."""
