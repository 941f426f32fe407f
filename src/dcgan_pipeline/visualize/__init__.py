"""Looking at what was made and what the networks learned: figures, animations, walks (paper 6)."""
