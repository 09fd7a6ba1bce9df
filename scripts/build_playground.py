"""Pack the playground, docs/playground, and MNIST digits into one HTML file that needs nothing else.

Exit status: 0 done; 2 bad arguments (one line on standard error).
"""
import base64
import gzip
import html
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_bn.data import load
from gluon_bn.support.command_line import Parser, main_of
from gluon_bn.support.files import atomic_write

SOURCE = ROOT / 'docs' / 'playground'
TRAIN, HELD = 4000, 1000
TUTORIALS = '../tutorials/{}.py'


def digits(train=TRAIN, held=HELD):
    """The element with the first digits of MNIST's training and test files, for ``docs/playground/digits.js``."""
    sets = [load('mnist', train=True), load('mnist', train=False)]
    counts = train, held
    images = b''.join(images[:n].tobytes() for (images, _), n in zip(sets, counts))
    labels = b''.join(labels[:n].astype('u1').tobytes() for (_, labels), n in zip(sets, counts))
    packed = base64.b64encode(gzip.compress(images + labels, 9, mtime=0)).decode()
    return (f'<script type="application/octet-stream" id="digits" data-train="{train}" data-held="{held}">{packed}'
            '</script>')


def page(tutorials=TUTORIALS, **counts):
    """The whole page as text: the template with its style, scripts and digits in it.

    ``tutorials`` is the address of a tutorial, with {} for its name without an ending.
    """
    text = (SOURCE / 'index.html').read_text(encoding='utf-8')
    text = text.replace(f'content="{TUTORIALS}"', f'content="{html.escape(tutorials)}"')
    text = text.replace('<script type="application/octet-stream" id="digits"></script>', digits(**counts))
    text = re.sub(r'<link rel="stylesheet" href="([\w.]+)">', lambda m: f'<style>\n{source(m[1])}</style>', text)
    return re.sub(r'<script( data-engine)? src="([\w.]+)"></script>',
                  lambda m: f"<script{m[1] or ''}>\n{source(m[2])}</script>", text)


def source(name):
    """The text of a file of the playground, which must not end the element that it is put into."""
    text = (SOURCE / name).read_text(encoding='utf-8')
    if re.search(r'</(script|style)|<!--', text, re.I):
        raise ValueError(f"{name} holds '</script', '</style' or '<!--', which would end its element; write it "
                         "otherwise.")
    return text


def work(args):
    """Write the page; returns the exit status."""
    if '{}' not in args.tutorials:
        raise ValueError(f"--tutorials is {args.tutorials!r}; expected an address with {{}} for a tutorial's name.")
    with atomic_write(args.output, 'w') as file:
        file.write(page(args.tutorials))
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB; open it in a browser.")
    return 0


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('output', nargs='?', type=Path, default=ROOT / 'build' / 'playground.html', metavar='FILE',
                   help="(default: build/playground.html)")
    p.add_argument('--tutorials', default=TUTORIALS, metavar='ADDRESS',
                   help="where the links to tutorials lead, {} for a tutorial's name (default: %(default)s)")
    return p


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
