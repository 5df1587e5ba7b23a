"""Measurements: `make bench-<part>`. Results are ratios within one run, since machines differ."""
