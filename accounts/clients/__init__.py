"""Accounts of an agency's clients: they have members, sites and links of their own, and the agency looks after them."""
