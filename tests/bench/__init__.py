"""Measurements: `make bench-<part>`; figures are ratios within one run, since machines differ."""
