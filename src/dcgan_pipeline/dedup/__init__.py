"""De-duplication by semantic hashing (paper 4.1.1): autoencoder, binary codes, groups of equal codes."""
