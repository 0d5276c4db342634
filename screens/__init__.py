"""What is drawn on the terminal. Screens read the model and never the machine.

Importing this package imports no Textual: only its modules do.
"""
