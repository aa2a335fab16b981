"""A net in the browser: the local page, its server, and static files that run the net in the page itself.

Imports what stands left of studies; never auditing, studies or a command. Only commands import it.
"""
