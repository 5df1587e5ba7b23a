"""Analyses that are no table of metrics by dimensions: visits one by one, funnels, journeys, retention, heatmaps …"""
