"""Analyses that are not tables of metrics by dimensions: lists of visits, funnels, journeys, retention, heatmaps …"""
