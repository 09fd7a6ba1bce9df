"""A folder for PYTHONPATH: its ``sitecustomize.py``, the standard library alone, lets each Python import MXNet."""
