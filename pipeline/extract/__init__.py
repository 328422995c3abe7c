"""Decoded text to blocks with their exact places."""
