"""What goes to the Hugging Face Hub: weights with their model card, and the Space."""
