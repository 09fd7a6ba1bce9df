"""The command ``gluon-bn``, a module a subcommand: arguments, then a call into the package.

Each has ``main(argv=None, prog=None)``, which returns the exit status, and reads its arguments before it imports what
it needs, so that ``--help`` and bad arguments are answered at once and without MXNet. It may use every room; no room
uses it.
"""
