"""One Kedro pipeline a stage; ``nodes.py`` parses settings and calls the domain, ``pipeline.py`` names the data."""
