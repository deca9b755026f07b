"""Photographs for training: pairs of grey and colour, worn like old ones, with simulated hints."""
