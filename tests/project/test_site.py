"""The site: it is built without a warning, every link in it leads somewhere, and nothing comes from the network."""
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import types
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

import gluon_bn as gbn
from gluon_bn.support.locks import lock

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / 'build' / 'site-quick'
TUTORIALS = sorted((ROOT / 'tutorials').glob('[0-9]*.py'))
LOADED = {'script': 'src', 'img': 'src', 'source': 'src', 'iframe': 'src', 'video': 'src', 'audio': 'src'}


@pytest.fixture(scope='module')
def site():
    """The folder of the site in quick mode: from what was executed before, if nothing has changed."""
    for module in ('sphinx', 'myst_nb', 'furo', 'sphinx_codeautolink', 'sphinx-mathjax-offline'):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install 'gluon_bn[docs]'")
    run, stamp = os.environ.get('PYTEST_XDIST_TESTRUNUID', str(os.getpid())), ROOT / 'build' / 'site-quick.tested'
    stamp.parent.mkdir(exist_ok=True)
    with open(stamp, 'a+', encoding='ascii') as file:  # of several processes that test, the first one builds
        lock(file, wait=True)
        file.seek(0)
        if file.read() != run:
            done = subprocess.run([sys.executable, ROOT / 'docs' / 'site_tools.py', '--quick'], capture_output=True,
                                  text=True, timeout=1800, env={**os.environ, 'OMP_NUM_THREADS': '1'})
            assert done.returncode == 0, done.stderr
            file.truncate(0)
            file.write(run)
    return SITE


class Page(HTMLParser):
    """What a page points to (``links``), what a browser loads for it (``loads``), and the ids that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.ids = set(), set(), set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        """Note the addresses and the id of an element."""
        given = dict(attributes)
        self.ids.update(given[name] for name in ('id', 'name') if given.get(name))
        self.links.update(given[name] for name in ('href', 'src') if given.get(name))
        if tag in LOADED and given.get(LOADED[tag]):
            self.loads.add(given[LOADED[tag]])
        if tag == 'link' and given.get('rel') not in ('canonical', 'author', 'license'):
            self.loads.add(given.get('href', ''))
        self.loads.update(re.findall(r'url\(["\']?([^)"\']+)', given.get('style') or ''))


def faults(folder):
    """The links of the pages below ``folder`` that lead nowhere, and what they load from elsewhere, as sentences."""
    pages = {path.resolve(): Page(path) for path in Path(folder).rglob('*.html')}
    found = []
    for path, page in pages.items():
        found += [f'{path.name} loads {address}' for address in page.loads if re.match('https?:|//', address)]
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / 'index.html' if target.is_dir() else target
            if not target.is_file():
                found.append(f'{path.name}: {address} is not there')
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f'{path.name}: {address} has no such place')
    for path in Path(folder).rglob('*.css'):
        found += [f'{path.name} loads {address}' for address in re.findall(
            r'(?:url\(|@import )["\']?((?:https?:|//)[^)"\']+)', path.read_text(encoding='utf-8'))]
    return sorted(found)


@pytest.fixture
def site_tools(monkeypatch):
    for module in ('sphinx', 'jupytext'):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install 'gluon_bn[docs]'")
    monkeypatch.syspath_prepend(str(ROOT / 'docs'))
    return importlib.import_module('site_tools')


def test_docstrings_become_what_sphinx_reads(site_tools):
    lines = """What it is.

    Parameters
    ----------
    seed : int, or None
        None draws anew.
    rate : a number that is given in units of the mean over the batch, and that is to be multiplied by the size
        Adam has.

    Raises what comes.""".splitlines()
    site_tools.tidy_docstring(None, None, None, None, None, lines)
    assert lines[4:] == [
        'seed', '    int, or None.', '    None draws anew.', 'rate',
        '    a number that is given in units of the mean over the batch, and that is to be multiplied by the size',
        '    Adam has.', '', 'Notes', '-----', 'Raises what comes.']


def test_tutorials_are_read_again_when_the_package_has_changed(site_tools, monkeypatch):
    environment, tutorials = types.SimpleNamespace(), {f'tutorials/{path.stem}' for path in TUTORIALS}
    assert tutorials < set(site_tools.outdated(None, environment))
    assert not tutorials & set(site_tools.outdated(None, environment))
    monkeypatch.setattr(site_tools, 'package_digest', lambda: 'another')
    assert tutorials < set(site_tools.outdated(None, environment))


def test_a_build_that_failed_fails_again(site_tools, monkeypatch, tmp_path):
    """With a small project in the place of the site: Sphinx itself says a warning of a page that it keeps only once."""
    (tmp_path / 'docs').mkdir()
    (tmp_path / 'docs' / 'conf.py').write_text("root_doc = 'docs/index'\nexclude_patterns = ['build']\n")
    page = tmp_path / 'docs' / 'index.rst'
    page.write_text('Title\n=====\n\n:doc:`nowhere`\n\n.. nothing::\n')
    monkeypatch.setattr(site_tools, 'ROOT', tmp_path)
    for name in ('GLUON_BN_QUICK', 'MPLBACKEND', 'JUPYTER_PREFER_ENV_PATH', 'PYTHONPATH'):
        monkeypatch.setenv(name, os.environ.get(name, ''))  # `build` sets them: as they were, afterwards
    monkeypatch.setattr(site_tools.subprocess, 'run', lambda *_, **__: None)
    assert [site_tools.build(True), site_tools.build(True)] == [1, 1]
    page.write_text('Title\n=====\n')
    assert [site_tools.build(True), site_tools.build(True)] == [0, 0]


def test_faults_are_found(tmp_path):
    (tmp_path / 'a.html').write_text('<h1 id="top"></h1><a href="a.html#top">.</a><a href="#low">.</a>'
                                     '<img src="no.png"><script src="https://x.y/z.js"></script><a href="https://x.y">.</a>')
    (tmp_path / 'a.css').write_text('@import "//x.y/z.css"; b { background: url(data:,) }')
    assert faults(tmp_path) == ['a.css loads //x.y/z.css', 'a.html loads https://x.y/z.js',
                                'a.html: #low has no such place', 'a.html: no.png is not there']


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    assert faults(site) == []
    assert len(list(site.rglob('*.html'))) > 30


@pytest.mark.slow
def test_the_playground_leads_to_the_pages_of_the_tutorials(site):
    page = (site / 'docs' / 'play.html').read_text(encoding='utf-8')
    address = re.search(r'<meta name="tutorials" content="([^"]*)"', page)[1]
    named = set(re.findall(r"tutorial: '(\w+)'", page))
    assert len(named) > 3
    assert [name for name in (*named, 'README') if not (site / 'docs' / address.format(name)).is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize('path', TUTORIALS, ids=lambda path: path.stem)
def test_each_tutorial_is_executed_and_can_be_taken_along(site, path):
    page = (site / 'tutorials' / f'{path.stem}.html').read_text(encoding='utf-8')
    assert 'cell_output' in page
    assert f'href="{path.stem}.ipynb"' in page
    notebook = nbformat.read(site / 'tutorials' / f'{path.stem}.ipynb', 4)
    nbformat.validate(notebook)
    text = path.read_text(encoding='utf-8')
    assert all(cell.source in text for cell in notebook.cells if cell.cell_type == 'code')
    assert (site / 'tutorials' / path.name).read_text(encoding='utf-8') == text


@pytest.mark.slow
def test_results_are_those_of_the_files(site):
    page = (site / 'docs' / 'results.html').read_text(encoding='utf-8')
    for path in (ROOT / 'docs' / 'results').glob('*.json'):
        for row in json.loads(path.read_text(encoding='utf-8'))['rows']:
            assert all(f'<p>{cell}</p>' in page for cell in row if re.fullmatch(r'[\d.,]+( ± [\d.]+)?', cell))


@pytest.mark.slow
def test_the_reference_has_the_public_names_and_no_other(site):
    ids = Page(site / 'docs' / 'api.html').ids
    names = {name for name in gbn.__all__ if not isinstance(getattr(gbn, name), types.ModuleType)}
    documented = {name[len('gluon_bn.'):] for name in ids if re.fullmatch(r'gluon_bn\.\w+', name)}
    assert documented == names
    assert not [name for name in ids if re.search(r'gluon_bn\.(.*\.)?_', name)]
    assert 'tutorials/02_lenet_on_mnist.html' in (site / 'docs' / 'api.html').read_text(encoding='utf-8')


@pytest.mark.slow
def test_every_module_is_in_the_table(site):
    page = (site / 'docs' / 'decisions' / 'modules.html').read_text(encoding='utf-8')
    assert all(f'gluon_bn.{path.stem}<' in page for path in (ROOT / 'gluon_bn').glob('[a-z]*.py'))
    assert not re.search(r':\w+:<', page)  # a role is the name in it


@pytest.fixture
def chromium_here(monkeypatch):
    """Skips where there is no browser; the scripts that open one can be imported."""
    pytest.importorskip('selenium', reason="selenium is not installed: pip install 'gluon_bn[test]'")
    if not shutil.which('chromium') or not shutil.which('chromedriver'):
        pytest.skip("Chromium or its driver is not installed: apt-get install chromium chromium-driver")
    monkeypatch.syspath_prepend(str(ROOT / 'scripts'))


@pytest.mark.slow
def test_pictures_of_pages_are_taken(site, tmp_path, monkeypatch, chromium_here):
    import screenshots
    monkeypatch.setattr(screenshots, 'PAGES', ('docs/decisions/same_mathematics',))
    monkeypatch.setattr(screenshots, 'MIDDLE', 5)
    monkeypatch.chdir(site.parent)
    assert screenshots.main(['--look', str(tmp_path), '--site', site.name]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f'{page}-{width}-{light}.png' for page in ('docs-decisions-same_mathematics', 'docs-play')
        for width in ('desktop', 'phone') for light in ('dark', 'light')]
    assert all(path.stat().st_size > 10_000 for path in tmp_path.iterdir())


@pytest.mark.slow
def test_no_page_is_wider_than_the_screen_or_complains(site, tmp_path, chromium_here):
    from benchmark_playground import chromium
    from selenium.webdriver.support.wait import WebDriverWait
    with chromium(tmp_path) as browser:
        for width in (390, 1100, 1280, 1440):
            browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
                'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 600})
            for page in ('docs/index', 'docs/results', 'docs/api', 'docs/gallery', 'docs/decisions/same_mathematics',
                         'docs/howto/gpu', 'tutorials/README', 'tutorials/03_backward_by_hand'):
                browser.get((site / f'{page}.html').as_uri())
                assert browser.execute_script('return document.documentElement.scrollWidth') <= width, page
        browser.get((site / 'search.html').as_uri() + '?q=momentum')
        WebDriverWait(browser, 60).until(lambda _: browser.find_elements('css selector', '#search-results li a'))
        assert browser.get_log('browser') == []
