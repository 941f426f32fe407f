"""Formats of files whose pixels Pillow does not give as they are meant, one a module."""
