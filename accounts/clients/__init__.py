"""Accounts of an agency's clients: accounts with members, sites and links of their own, which the agency looks after."""
