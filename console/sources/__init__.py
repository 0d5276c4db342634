"""The sources: each reads one kind of thing through the Host and gives back parts of the Snapshot.

Everything in here decodes, cleans and computes; opening files, sockets and processes is left to ``hosts``, and when
to look again is left to ``collecting``.
"""
