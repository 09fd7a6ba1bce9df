"""Libraries that only some users need, imported where they are used."""
import importlib

from .invocation import install_command


def import_extra(module, extra):
    """Import ``module``; if it is missing, raise an ``ImportError`` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{module} is not installed; get it with: {install_command(extra)}") from error
