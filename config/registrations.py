"""What a lower room must learn from a higher one, said in one place."""

from accounts.access import register_kind
from sites.access import sites_of_account

# What a guest can be given
register_kind("site", "Site", sites_of_account)
