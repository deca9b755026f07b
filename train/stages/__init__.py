"""The three stages: the generator alone, the critic, and both as a GAN; and what they share."""
