"""How much one caller may ask for: requests in a time, uploads at once, bytes and files in all."""
