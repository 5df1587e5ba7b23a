"""What a lower room must learn from a higher one, said in one place."""
