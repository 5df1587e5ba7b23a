"""A demo site with realistic traffic, generated through the same pipeline as real traffic."""
