"""One reader per kind of source: files, archives and pictures of strangers in, checked arrays out.

Imports core; nothing that is read is executed.
"""
