"""Results as data: what a command printed is what the file says, and a failed command keeps nothing."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / 'docs' / 'results').glob('*.json'))


def keep(folder, code, arguments=''):
    script = folder / 'measure.py'
    script.write_text(code, encoding='utf-8')
    return subprocess.run([sys.executable, ROOT / 'scripts' / 'keep_results.py', '--folder', folder / 'kept', 'some',
                           f'{script}{arguments}'], capture_output=True, text=True, timeout=600)


def test_the_last_table_is_kept_with_its_command(tmp_path):
    done = keep(tmp_path, "import sys\nprint('| no |\\n|---|\\n| 1 |\\n\\n| a | b |\\n|---|--:|\\n| x | ' + sys.argv[2]"
                          " + ' |\\n| y | |\\nend')", " --much '2 ± 1'")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / 'kept' / 'some.json').read_text(encoding='utf-8'))
    assert (kept['columns'], kept['rows']) == (['a', 'b'], [['x', '2 ± 1'], ['y', '']])
    assert kept['command'] == f"python {tmp_path / 'measure.py'} --much '2 ± 1'"
    assert 'NumPy' in kept['machine']
    assert re.fullmatch(r'\d{4}-\d\d-\d\d', kept['date'])


@pytest.mark.parametrize(('code', 'status'), [
    ("print('| a |\\n|---|\\n| 1 |')\nraise SystemExit(3)", 3), ("print('nothing')", 2)])
def test_without_a_table_nothing_is_kept(tmp_path, code, status):
    done = keep(tmp_path, code)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == (status == 2)
    assert not (tmp_path / 'kept').exists()


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_every_file_of_results_is_whole_and_shown(path):
    kept = json.loads(path.read_text(encoding='utf-8'))
    assert kept.keys() - {'note'} == {'command', 'machine', 'date', 'columns', 'rows'}  # and a note
    assert all(len(row) == len(kept['columns']) for row in kept['rows'])
    (script,) = re.findall(r'^python (scripts/\w+\.py)', kept['command'])
    assert (ROOT / script).exists()
    assert '{results} ' + path.stem + '\n' in (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')


def test_the_page_shows_no_other_file():
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    assert sorted(re.findall(r'\{results\} (\w+)', page)) == [path.stem for path in RESULTS]
