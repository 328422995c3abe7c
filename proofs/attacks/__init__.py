"""The attacks of ``proofs.attack``, a module a kind: each has a table ``ATTACKS``; ``kit`` is what they have in common."""
