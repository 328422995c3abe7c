"""Proofs: one command each, ``python -m proofs.NAME``, that do the worst to the product and say whether it held.

README.md lists the commands. What is measured, not proved, is in ``benchmarks``; neither is imported by the product.
"""
