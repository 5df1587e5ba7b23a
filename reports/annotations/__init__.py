"""Annotations of a site's graph: notes at a date, and the incidents that are drawn beside them."""
