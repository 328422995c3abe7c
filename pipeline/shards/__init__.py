"""The stages that map over shards, and what they hand to one another."""
