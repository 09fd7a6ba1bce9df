"""What the site needs beside Sphinx: tutorials read and executed, tables of results, of modules and of public names.

Directives: ``results`` (a file of docs/results as a table), ``modules`` (the first lines of the modules' docstrings),
``public-names`` (the documented public names of a module) and ``tutorial-pictures`` (a picture of each tutorial).
"""
import ast
import functools
import hashlib
import html
import importlib
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_bn.support import notebooks

TUTORIALS = sorted((ROOT / 'tutorials').glob('[0-9]*.py'))
LISTS = ('Parameters', 'Attributes', 'Raises')  # sections of docstrings


def read_tutorial(text):
    """The notebook of a tutorial's text. Its kernel's entry holds the digest of the package, which the cache compares:
    outputs are kept as long as neither the tutorial's code nor the package changes."""
    notebook = jupytext.reads(text, fmt='py:percent')
    notebook.metadata['kernelspec'] = {'name': 'python3', 'display_name': 'Python 3', 'language': 'python',
                                       'gluon_bn': package_digest()}
    return notebook


@functools.lru_cache(None)  # one for the whole of a build
def package_digest():
    """A digest of the package's code, but for commands and exercises, which tutorials do not run."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / 'gluon_bn').rglob('*')):
        if path.suffix in ('.py', '.cc', '.h') and not {'commands', 'exercises'} & {*path.parts}:
            digest.update(str(path.relative_to(ROOT)).encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()


class Results(SphinxDirective):
    """The table of ``docs/results/NAME.json``, with the command that makes it, the machine, the date and the note."""

    required_arguments = 1

    def run(self):
        """The nodes of the table."""
        path = ROOT / 'docs' / 'results' / f'{self.arguments[0]}.json'
        self.env.note_dependency(str(path))
        found = json.loads(path.read_text(encoding='utf-8'))
        about = nodes.paragraph(classes=['made-by'])
        about += [nodes.Text('Made by '), nodes.literal(text=found['command']),
                  nodes.Text(f" on {found['machine']}; {found['date']}. {found.get('note', '')}")]
        return [wide(table(found['columns'], found['rows'])), about]


class Modules(SphinxDirective):
    """Each module of the package, and the first line of its docstring."""

    def run(self):
        """The nodes of the table."""
        rows = []
        for path in sorted((ROOT / 'gluon_bn').rglob('*.py')):
            self.env.note_dependency(str(path))
            doc = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
            name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
            if doc and not name.endswith('__main__'):
                about = re.sub(r':\w+:(?=`)|(?<=`)~', '', doc.split('\n\n')[0].replace('\n', ' '))  # a role is its name
                rows.append([f"`{name.removesuffix('.__init__')}`", about])
        return [wide(table(['module', 'what it is about'], rows))]


class PublicNames(SphinxDirective):
    """The public functions and classes of a module, documented from their docstrings."""

    required_arguments = 1
    option_spec = {'only': directives.unchanged}

    def run(self):
        """The nodes of the documentation."""
        name = self.arguments[0]
        module = importlib.import_module(name)
        lines = ['```{eval-rst}', f'.. currentmodule:: {name}', '']
        for public in (self.options.get('only') or ' '.join(public_names(module))).split():
            value = getattr(module, public)
            if inspect.ismodule(value):
                continue
            kind = 'class' if inspect.isclass(value) else 'function' if callable(value) else 'data'
            lines += [f'.. auto{kind}:: {name}::{public}', *(['   :members:'] if kind == 'class' else []), '',
                      f'.. autolink-examples:: {name}.{public}', '   :type: ' + kind, '   :collapse:', '']
        return self.parse_text_to_nodes('\n'.join([*lines, '```']), allow_section_headings=False)


def public_names(module):
    """``__all__`` of a module, or what it defines itself without an underscore."""
    own = [name for name, value in vars(module).items()
           if not name.startswith('_') and getattr(value, '__module__', '') == module.__name__]
    return getattr(module, '__all__', own)


class TutorialPictures(SphinxDirective):
    """A card for each tutorial: its title, one of its pictures, and how to run it."""

    def run(self):
        """A place for the cards, which can be filled when all tutorials have been read."""
        return [pictures_place('')]


class pictures_place(nodes.General, nodes.Element):  # noqa: N801 - docutils names nodes so
    """Where the cards of the tutorials go."""


def fill_pictures(app, doctree, docname):
    """Put the cards into the place that ``TutorialPictures`` left; the last picture that a tutorial draws."""
    for place in list(doctree.findall(pictures_place)):
        cards = []
        for path in TUTORIALS:
            name = f'tutorials/{path.stem}'
            found = [image for image in app.env.get_doctree(name).findall(nodes.image)
                     if 'jupyter_execute' in image['uri']]
            title = app.env.titles[name].astext()
            link = app.builder.get_relative_uri(docname, name)
            heading = nodes.paragraph('', '', nodes.reference('', title, refuri=link, internal=True))
            picture = [nodes.reference('', '', nodes.image(uri=found[-1]['uri'], alt=f'a picture of: {title}',
                                                           candidates=found[-1].get('candidates', {})),
                                       refuri=link, internal=True)] if found else []
            command = nodes.paragraph('', '', nodes.literal(text=f'python tutorials/{path.name}'))
            cards.append(nodes.container('', heading, *(nodes.paragraph('', '', p) for p in picture), command,
                                         classes=['card']))
        place.replace_self(nodes.container('', *cards, classes=['cards']))


def tidy_docstring(app, what, name, obj, options, lines):
    """Bring a docstring's sections into the form that napoleon reads, in place.

    "name : description" becomes a name with an indented description, which ends with a full stop where a new sentence
    follows, and prose behind a list, after an empty line, a paragraph of its own.
    """
    lines[:] = inspect.cleandoc('\n'.join(lines)).splitlines()
    tidy, section, number = [], '', 0
    while number < len(lines):
        line, below = lines[number], lines[number + 1] if number + 1 < len(lines) else ''
        if line and re.fullmatch('-{3,}', below):
            section = line
            tidy += [line, below]
            number += 2
            continue
        entry = re.match(r'(\*{0,2}\w[\w*, ]*?) : (.+)', line) if section in LISTS else None
        if entry:
            # A long line goes on in the next one; after a short one another sentence begins.
            ends = re.fullmatch(r' +[A-Z`].*', below) and len(line) < 90 and entry[2][-1].isalnum()
            tidy += [entry[1], f"    {entry[2]}{'.' * bool(ends)}"]
        elif section in LISTS and line and not line[0].isspace() and not lines[number - 1]:
            section = ''
            tidy += ['Notes', '-----', line]
        else:
            tidy.append(line)
        number += 1
    lines[:] = tidy


def table(columns, rows):
    """A docutils table; text between backquotes is code."""
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=1) for _ in columns]
    group += nodes.thead('', row(columns))
    group += nodes.tbody('', *map(row, rows))
    return nodes.table('', group)


def row(cells):
    """A row of a table."""
    return nodes.row('', *(nodes.entry('', nodes.paragraph('', '', *inline(cell))) for cell in cells))


def inline(text):
    """``text`` as nodes, with code between backquotes."""
    return [nodes.literal(text=part) if number % 2 else nodes.Text(part)
            for number, part in enumerate(str(text).split('`')) if part]


def wide(node):
    """``node`` in a box of its own that scrolls on a narrow screen."""
    return nodes.container('', node, classes=['wide'])


def outdated(app, env, *changes):
    """The pages to read again, though their files have not changed: the tutorials where the package has."""
    before, env.gluon_bn_digest = getattr(env, 'gluon_bn_digest', None), package_digest()
    again = [f'tutorials/{path.stem}' for path in TUTORIALS] if before != env.gluon_bn_digest else []
    return ['docs/gallery', *again]


def add_links(app, pagename, templatename, context, doctree):
    """On top of a tutorial's page: its notebook and its script to download."""
    if (ROOT / f'{pagename}.py') in TUTORIALS:
        name = html.escape(Path(pagename).name)
        links = (f'<p class="downloads"><a href="{name}.ipynb" download>Notebook</a> '
                 f'<a href="{name}.py" download>Script</a> <code>python tutorials/{name}.py</code></p>')
        context['body'] = context['body'].replace('</h1>', '</h1>\n' + links, 1)


def finish(app, error):
    """Notebooks, scripts, MathJax, the playground and the entrance, beside the pages."""
    if error or app.builder.name != 'html':
        return
    site = Path(app.outdir)
    for path in TUTORIALS:
        notebooks.build(path, site / 'tutorials')
        shutil.copy(path, site / 'tutorials')
    carrier = Path(importlib.util.find_spec('sphinx-mathjax-offline').origin).parent  # the package that carries MathJax
    (site / '_static' / 'mathjax').mkdir(parents=True, exist_ok=True)
    shutil.copy(carrier / 'static' / 'mathjax' / 'tex-svg.js', site / '_static' / 'mathjax')
    subprocess.run([sys.executable, ROOT / 'scripts' / 'build_playground.py', site / 'docs' / 'play.html',
                    '--tutorials', '../tutorials/{}.html'], check=True, stdout=subprocess.DEVNULL)
    (site / 'index.html').write_text('<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>gluon_bn</title>'
                                     '<meta http-equiv="refresh" content="0; url=docs/index.html">'
                                     '<a href="docs/index.html">gluon_bn</a></html>\n', encoding='utf-8')


def setup(app):
    """Tell Sphinx of all this."""
    app.add_node(pictures_place)
    for name, directive in (('results', Results), ('modules', Modules), ('public-names', PublicNames),
                            ('tutorial-pictures', TutorialPictures)):
        app.add_directive(name, directive)
    app.connect('autodoc-process-docstring', tidy_docstring, priority=100)  # before napoleon
    app.connect('doctree-resolved', fill_pictures)
    app.connect('env-get-outdated', outdated)
    app.connect('html-page-context', add_links)
    app.connect('build-finished', finish)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}


def build(quick, arguments=()):
    """Run Sphinx with warnings as errors, its words on standard error; returns its exit status."""
    from sphinx.cmd.build import build_main
    for name in ('GLUON_BN_QUICK', 'MPLBACKEND'):
        os.environ.pop(name, None)
    if quick:
        os.environ['GLUON_BN_QUICK'] = '1'
    os.environ['JUPYTER_PREFER_ENV_PATH'] = '1'  # the kernel is that of this environment
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))
    # Now, and not in the first tutorial: that they are being built is said on standard error.
    subprocess.run([sys.executable, '-c', 'from gluon_bn.fast import native; native.available()'], check=True)
    pages = ROOT / 'build' / f"doctrees-{'quick' if quick else 'full'}"
    status = build_main(['-W', '--keep-going', '-n', '-q', '-c', str(ROOT / 'docs'), '-d', str(pages), *arguments,
                         str(ROOT), str(site_folder(quick))])
    if status:  # Sphinx says a warning once: all pages are read again, or the next build would succeed
        (pages / 'environment.pickle').unlink(missing_ok=True)
    return status


def site_folder(quick):
    """Where the site is."""
    return ROOT / 'build' / ('site-quick' if quick else 'site')


if __name__ == '__main__':
    given = sys.argv[1:]
    sys.exit(build('--quick' in given, [argument for argument in given if argument != '--quick']))
