"""Blocks to labels: rules, site templates, scores."""
