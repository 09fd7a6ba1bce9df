"""Batch norm here and elsewhere, side by side: what each stores, means, starts from and computes, all of it measured.

``ways`` calls each layer in the same form, ``measure`` finds out what it does; ``scripts/conformance.py`` prints the
table.
"""
