"""The Clicky dialect: its Stats API, account and white-label APIs, and redirects of its old links."""
