"""Images in: sources, decoding, regions of interest, cropping and resizing."""
