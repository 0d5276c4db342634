"""Steps: the smallest acts a fix is made of. One class each; what is shared lies beside them."""
