"""The DCGAN: architecture, initialisation, losses, training, sampling (paper 3 and 4)."""
