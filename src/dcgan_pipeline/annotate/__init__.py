"""Choosing exemplars of concepts and drawing boxes on samples by hand, in a browser (``kedro annotate``)."""
