"""One file a product; ``registry.py`` beside this folder lists them."""
