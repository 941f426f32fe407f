"""Figures: what all share, and those of the data, of the training and of the evaluation."""
