"""Edits of samples: forgetting, arithmetic and turns, with their exemplars and their scores (paper 6.3)."""
