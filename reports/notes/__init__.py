"""Notes on a site's graph: what happened outside, at the day it happened; incidents are drawn beside them."""
