"""A demo site with believable traffic, made through the same pipeline as everybody's."""
