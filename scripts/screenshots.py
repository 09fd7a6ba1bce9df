"""Take the pictures of the site and of the playground that the README shows: docs/site.png and docs/playground.png.

With --look DIR, instead: each kind of page at the width of a desktop and of a phone, light and dark, as pictures in
DIR. The site must have been built (scripts/build_site.sh). Needs Chromium, its driver (Debian: apt-get install chromium
chromium-driver) and selenium. Exit status: 0 done; 2 something is missing (one line on standard error).
"""
import base64
import io
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'scripts')]

from benchmark_playground import chromium, wait_for
from PIL import Image  # comes with matplotlib

from gluon_bn.support.command_line import Parser, main_of
from gluon_bn.support.files import atomic_write

PAGES = ('docs/index', 'tutorials/02_lenet_on_mnist', 'tutorials/03_backward_by_hand', 'docs/results', 'docs/gallery',
         'docs/api', 'docs/decisions/index', 'docs/decisions/modules', 'tutorials/exercises/README',
         'tutorials/exercises/TEACHING', 'docs/playground', 'docs/howto/index')
SIZES = {'desktop': (1280, 900), 'phone': (390, 800), 'wide': (1440, 1100)}
SITE, PLAYGROUND = 'tutorials/02_lenet_on_mnist', 'docs/play'
PICTURE = "document.querySelector('div.cell_output img')"  # the first that a tutorial draws
MIDDLE = 300  # steps of the playground


def work(args):
    """Take the pictures; returns the exit status."""
    site = next((path.resolve() for path in (args.site, ROOT / 'build' / 'site', ROOT / 'build' / 'site-quick')
                 if path and (path / 'docs' / 'index.html').is_file()), None)
    if site is None:
        raise ValueError("there is no site in build/: build it first, bash scripts/build_site.sh.")
    with tempfile.TemporaryDirectory() as profile, chromium(profile) as browser:
        if args.look:
            look(browser, site, args.look)
        else:
            show(browser, site, SITE, 'desktop', 'light')
            wait_for(browser, f'{PICTURE}.complete && {PICTURE}.naturalHeight > 0')
            browser.execute_script(f"{PICTURE}.scrollIntoView({{block: 'end', behavior: 'instant'}})")
            take(browser, ROOT / 'docs' / 'site.png')
            show(browser, site, PLAYGROUND, 'wide', 'light')
            train(browser)
            take(browser, ROOT / 'docs' / 'playground.png')
    return 0


def look(browser, site, target):
    """All of ``PAGES`` and the playground in the middle of a run, in both widths and both kinds of light."""
    target.mkdir(parents=True, exist_ok=True)
    for width in ('desktop', 'phone'):
        for light in ('light', 'dark'):
            for page in (*PAGES, PLAYGROUND):
                show(browser, site, page, width, light)
                if page == PLAYGROUND:
                    train(browser)
                take(browser, target / f"{page.replace('/', '-')}-{width}-{light}.png", whole=True)


def show(browser, site, page, width, light):
    """Open a page of the site."""
    browser.execute_cdp_cmd('Emulation.setScrollbarsHidden', {'hidden': True})
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': SIZES[width][0], 'height': SIZES[width][1], 'deviceScaleFactor': 1, 'mobile': width == 'phone'})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {
        'features': [{'name': 'prefers-color-scheme', 'value': light}]})
    browser.get((site / f'{page}.html').as_uri())
    wait_for(browser, "document.readyState === 'complete'")
    wait_for(browser, '!window.MathJax || !!(MathJax.startup && MathJax.startup.promise)')
    browser.execute_async_script('window.MathJax ? MathJax.startup.promise.then(arguments[0]) : arguments[0]()')


def train(browser):
    """Let the playground train, and pause it in the middle."""
    wait_for(browser, "'ready' in document.body.dataset && page.last !== null")
    browser.execute_script("document.getElementById('go').click()")
    wait_for(browser, f'page.last.step >= {MIDDLE}', minutes=10)
    browser.execute_script("document.getElementById('go').click()")
    wait_for(browser, '!page.last.running && !page.waits')


def take(browser, path, whole=False):
    """Write what is seen to ``path``, or the ``whole`` page, up to 4,000 pixels of it."""
    clip = {}
    if whole:
        height = browser.execute_script('return document.documentElement.scrollHeight')
        width = browser.execute_script('return document.documentElement.scrollWidth')
        clip = {'captureBeyondViewport': True,
                'clip': {'x': 0, 'y': 0, 'width': width, 'height': min(height, 4000), 'scale': 1}}
    picture = base64.b64decode(browser.execute_cdp_cmd('Page.captureScreenshot', {'format': 'png', **clip})['data'])
    with atomic_write(path) as file:
        Image.open(io.BytesIO(picture)).convert('RGB').quantize(128).save(file, format='png', optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} KB")


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--look', type=Path, metavar='DIR', help="all kinds of pages, to look at")
    p.add_argument('--site', type=Path, metavar='DIR', help="(default: build/site, or else build/site-quick)")
    return p


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
