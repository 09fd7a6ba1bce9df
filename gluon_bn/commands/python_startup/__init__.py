"""A folder for PYTHONPATH: its ``sitecustomize.py`` lets each Python that starts with it import MXNet."""
