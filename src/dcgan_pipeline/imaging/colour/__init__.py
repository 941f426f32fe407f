"""What a file says of its colours, and how they become sRGB."""
