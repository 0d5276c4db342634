"""What may be shown: cleaning, redaction, units, differences between texts."""
