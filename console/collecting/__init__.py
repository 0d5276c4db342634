"""How the sources are read over time: cadence, deadlines, back-off, the last good parts, history.

``console.collect`` is the door; nothing in here opens anything but through the Host.
"""
