"""What a LibreChat release makes of its librechat.yaml: pure, text and environment in, verdict out.

``judge`` is the door; ``repair`` finds the text edits that have exactly one right answer. Nothing in here opens a file:
``sources.librechat`` reads, ``checks.librechat.config_valid`` speaks. fact: danny-avila/LibreChat
packages/data-provider/src/config.ts, azure.ts and its loadCustomConfig.js; 40 texts that three releases judged.
"""
