"""A model of what is known of images, learned to judge samples."""
