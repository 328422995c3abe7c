"""Supervised child processes: untrusted bytes are only ever touched here."""
