"""Tests of Footfall's behaviour."""
