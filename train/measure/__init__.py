"""How good colours are, in numbers and in pictures."""
