"""Audits of data sets: near-duplicates, suspect labels, odd pictures; the lists and the page that show them.

Imports what stands left of studies; never studies or a command. Only commands import it.
"""
