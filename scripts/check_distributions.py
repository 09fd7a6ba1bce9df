"""Check what is in a source distribution and in a wheel: all that is kept in Git for them, and nothing else."""
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is kept in Git and is no part of a source distribution.
NOT_IN_SDIST = re.compile(r'\.ci/|\.git|\.pre-commit')
# Where the files of these folders are in a wheel; the first that fits.
PARTS = {'gluon_bn/': 'gluon_bn/', 'tutorials/exercises/': 'gluon_bn/exercises/tasks/',
         'tutorials/': 'gluon_bn/commands/tutorial_files/'}


def main(sdist, wheel):
    """Compare both with ``git ls-files``; exit with one line a difference."""
    kept = set(subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True, capture_output=True, text=True)
               .stdout.strip('\0').split('\0'))
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition('/')[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    made = {name for name in in_sdist if name in ('PKG-INFO', 'setup.cfg') or '.egg-info/' in name}
    differences('source distribution', {name for name in kept if not NOT_IN_SDIST.match(name)}, in_sdist - made)
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}
    differences('wheel', {place for place in map(place_in_wheel, kept) if place}, in_wheel)


def place_in_wheel(name):
    """Where a file that is kept in Git is in a wheel, or None."""
    return next((place + name[len(folder):] for folder, place in PARTS.items() if name.startswith(folder)), None)


def differences(what, expected, found):
    """Exit with a line for each name that only one of the two sets has."""
    wrong = [f'not in the {what}: {name}' for name in sorted(expected - found)]
    wrong += [f'in the {what}, but not kept in Git: {name}' for name in sorted(found - expected)]
    if wrong:
        sys.exit('\n'.join(wrong))


if __name__ == '__main__':
    main(*sys.argv[1:])
