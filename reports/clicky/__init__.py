"""The Clicky dialect: its Stats API, account and white-label calls, and the links people kept."""
