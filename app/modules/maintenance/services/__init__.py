"""The jobs, what they share, and the loop that runs them."""
