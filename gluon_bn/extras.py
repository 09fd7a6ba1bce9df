"""Libraries that only some users need, imported where they are used."""
import importlib


def import_extra(module, extra):
    """Import ``module``; if it is missing, raise an ``ImportError`` that names the extra which installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{module} is not installed; get it with: pip install 'gluon_bn[{extra}]'") from error
