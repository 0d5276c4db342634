"""What is drawn on the terminal. Screens know the model and never the machine; one file per place.

Importing this package imports no Textual: only its modules do.
"""
