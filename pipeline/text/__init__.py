"""What a string is, once: prose, sentences and their ends; tokens, forms, dates and repair are to follow."""
