"""Who is calling: principals, their scopes, and the tokens that prove them."""
