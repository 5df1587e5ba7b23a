"""What an agency works with: the table of its clients' sites, their accounts, and who may open which site."""
