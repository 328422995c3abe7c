"""The maintainer's tools: lines that recur on a site, a draft of its rules, and what a rule changes."""
