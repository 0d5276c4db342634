"""What the parts of a stack look like, and how they are asked: one descriptor a product. Knows no machine."""
