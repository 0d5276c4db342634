"""What a LibreChat release makes of its librechat.yaml: pure, text and environment in, verdict out.

``judge`` is the door; ``repair`` finds the text edits that have exactly one right answer. Nothing in here opens a file:
``sources.librechat`` reads, ``checks.librechat.config_valid`` speaks. Facts: reference sheet librechat-stack 5 and 13,
and the validation vectors (40 texts, three releases).
"""
