"""Photographs for training: decoded once, cut into batches, degraded, printed and hinted."""
