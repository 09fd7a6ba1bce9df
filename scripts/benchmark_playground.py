"""Time the playground in headless Chromium: steps a second of both networks together, as a person would see them.

The page is built, opened, and trains with its first settings: three hidden layers of 100 units, batches of 60. Needs
Chromium, its driver (Debian: apt-get install chromium chromium-driver) and selenium. Exit status: 0 done; 2 something
is missing (one line on standard error).
"""
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_playground

from gluon_bn.support.command_line import Parser, main_of, number
from gluon_bn.support.markdown import markdown_table

FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
         '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage')
TRAIN_ALONE = """
const trainer = new Trainer(page.digits, page.settings), start = performance.now();
for (let i = 0; i < 50; i++) trainer.advance();                      // compiled by then
const warm = performance.now();
while (performance.now() - warm < 1000 * arguments[0]) trainer.advance();
return (trainer.step - 50) / (performance.now() - warm) * 1000;
"""


def work(args):
    """Print the figures; returns the exit status."""
    with tempfile.TemporaryDirectory() as folder, chromium(folder) as browser:
        browser.set_script_timeout(600)
        file = Path(folder) / 'playground.html'
        file.write_text(build_playground.page(), encoding='utf-8')
        browser.get(file.as_uri() + args.settings)
        wait_for(browser, "'ready' in document.body.dataset && page.last !== null")
        alone = browser.execute_script(TRAIN_ALONE, args.seconds)
        browser.execute_script("document.getElementById('go').click()")
        wait_for(browser, 'page.last.step >= 50')
        before, start = browser.execute_script('return page.last.step'), time.perf_counter()
        time.sleep(args.seconds)
        steps = browser.execute_script('return page.last.step') - before
        seen = steps / (time.perf_counter() - start)
        print(markdown_table(
            ['browser', 'steps a second, training alone', 'with evaluation and drawing', 'load of the machine'],
            [[f"Chromium {browser.capabilities['browserVersion']}", f'{alone:.0f}', f'{seen:.0f}',
              f'{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores']]))
    return 0


def chromium(folder):
    """A browser with a new profile in ``folder``; a context manager."""
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise ValueError("selenium is missing: pip install selenium.") from None
    binary, driver = shutil.which('chromium') or shutil.which('google-chrome'), shutil.which('chromedriver')
    if not (binary and driver):
        raise ValueError("Chromium or its driver is missing: apt-get install chromium chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f'--user-data-dir={folder}/profile'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})  # the console is kept
    return webdriver.Chrome(options=options, service=Service(driver))


def wait_for(browser, condition, minutes=1):
    """Until ``condition`` holds in the page; ``ValueError`` after so many minutes."""
    end = time.monotonic() + 60 * minutes
    while not browser.execute_script(f'return {condition}'):
        if time.monotonic() > end:
            raise ValueError(f"the page did not come to {condition} within {minutes} min.")
        time.sleep(0.05)


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--seconds', type=number, default=10, metavar='S', help="for each of the two (default: 10)")
    p.add_argument('--settings', default='', metavar='HASH',
                   help="the end of the page's address, such as '#depth=20&width=50'")
    return p


main = main_of(parser, work)

if __name__ == '__main__':
    sys.exit(main())
