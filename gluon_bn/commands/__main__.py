"""The command ``gluon-bn`` itself: it finds the subcommand and leaves the rest to it."""
import difflib
import importlib
import os
import sys

from ..support.command_line import Parser, complain, exit_status, loading

COMMANDS = {  # name: (module, what it does)
    'train': ('train', "train LeNet with batch norm on MNIST: the main job"),
    'evaluate': ('evaluate', "the test accuracy of a trained run, with stored and with batch statistics"),
    'exercises': ('exercises', "exercises that mark themselves"),
    'tutorials': ('tutorials', "put the tutorials into a folder, as scripts or notebooks"),
    'figure': ('figure', "Figure 1 of the batch norm paper"),
    'sweep': ('sweep', "how far the knobs of LeNet can be turned"),
    'landscape': ('landscape', "what batch norm does to the loss along the gradient"),
    'deep-nets': ('deep_nets', "what batch norm does to deep nets"),
    'mlp': ('mlp', "train the NumPy multilayer perceptron on MNIST"),
    'breast-cancer': ('breast_cancer', "the breast cancer network over random splits"),
    'benchmark': ('benchmark', "time gluon_bn against Gluon, PyTorch and JAX"),
    'convert': ('convert', "carry a network that MXNet saved to ONNX, PyTorch, NumPy, or folded"),
    'doctor': ('doctor', "what this machine has, what is missing, and what to do about it"),
    'site': ('site', "build the site from a checkout: tutorials, results and the rest as pages"),
    'python': ('python', "run a script that says 'import mxnet' on this Python"),
}


def main(argv=None):
    """Run with the command line ``argv``; returns the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    name = program()
    if argv and not argv[0].startswith('-'):
        if argv[0] not in COMMANDS:
            close = difflib.get_close_matches(argv[0], COMMANDS, 1)
            hint = f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(COMMANDS)}."
            return complain(name, f"there is no command {argv[0]!r}; {hint} --help lists the commands", 2)
        return run_command(argv[0], argv[1:], f'{name} {argv[0]}')
    return exit_status(name, lambda: about(argv, name))


def run_command(command, argv=None, prog=None):
    """Run one of ``COMMANDS``; ``prog`` is what its messages call it, None for the name of the script that runs."""
    name = prog or os.path.splitext(os.path.basename(sys.argv[0]))[0]
    try:
        with loading(name):
            run = importlib.import_module(f'gluon_bn.commands.{COMMANDS[command][0]}').main
    except ImportError as error:
        return complain(name, error, 2)
    return run(argv, prog)


def program():
    """What the user typed: ``gluon-bn``, or ``python -m gluon_bn``."""
    typed = os.path.basename(sys.argv[0])
    return 'gluon-bn' if typed in ('gluon-bn', 'gluon-bn.exe') else 'python -m gluon_bn'


def about(argv, name):
    """Answer --help and --version, and an empty command line with the help; returns 0."""
    from .. import __version__
    lines = '\n'.join(f'  {command:14} {text}' for command, (_, text) in COMMANDS.items())
    parser = Parser(prog=name, usage=f'{name} [--help] [--version] COMMAND ...',
                    description="Batch normalization from scratch on Apache MXNet.",
                    epilog=f'commands:\n{lines}\n\n{name} COMMAND --help lists the arguments of a command.')
    parser.add_argument('--version', action='version', version=f'gluon_bn {__version__}')
    parser.parse_args(argv)
    parser.print_help()
    return 0


if __name__ == '__main__':
    sys.exit(main())
