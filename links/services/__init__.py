"""Services that write links and what they use.

Rows that a service takes (groups, domains, conversions, scripts, tags) were fetched through the caller's scope
(`links.selectors`); services only check that they belong to the account. Errors are ValidationError {field: sentence},
and then nothing is written.
"""
