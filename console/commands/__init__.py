"""The subcommands, one file each. A file is imported only when its command is called.

They read a Host through ``collect``, judge through the doors that ``cli`` hands in, and print through ``output``. They
never import a screen, a driver or a check.
"""
