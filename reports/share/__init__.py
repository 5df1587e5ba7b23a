"""Links that show one site's overview to whoever has them: read only, perhaps a segment, a password, an end."""
