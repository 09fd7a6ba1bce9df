"""Every script runs in a quick mode, and says what it should; the shell scripts choose and repair their environment."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / 'scripts'


def script(name, *arguments, cwd=None, timeout=600):
    result = subprocess.run([sys.executable, str(SCRIPTS / name), *map(str, arguments)], cwd=cwd, timeout=timeout,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize('name', sorted(
    path.name for path in SCRIPTS.glob('*.py') if not path.name.startswith(('check_', '_'))))
def test_help_says_what_a_script_is_for(name, script_here):
    status, out, err = script_here(SCRIPTS / name, '--help')
    assert (status, err) == (0, '')
    assert len(out) > 150


@pytest.mark.slow
def test_accuracy_table_prints_a_row_for_each_run_and_reads_finished_ones(tmp_path):
    arguments = ('--seeds', 1, '--epochs', 1, '--limit', 640, '--folder', tmp_path / 'runs')
    table = script('accuracy_table.py', *arguments).splitlines()
    assert [row.split('|')[1].strip() for row in table[2:]] == [
        '1 epoch, seed 0', f"1 epoch, mean of 1 seeds (lowest {float(table[2].split('|')[3]):.4f})", '1 epochs, seed 0']
    assert script('accuracy_table.py', *arguments).splitlines() == table


def test_preset_table_says_when_the_target_was_first_reached(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from preset_table import row
    records = [{'test_acc': accuracy, 'train_seconds': 2.5} for accuracy in (0.9, 0.99, 0.98, 0.995)]
    assert row(7, records, 0.99) == [7, '0.9950', '10.0', 1, '5.0']
    assert row(7, records, 0.999) == [7, '0.9950', '10.0', '', '']


@pytest.mark.slow
def test_preset_table_prints_a_row_for_each_seed_and_reads_finished_ones(tmp_path):
    arguments = ('fast', '--seeds', 1, '--limit', 640, '--target', 0.05, '--folder', tmp_path / 'runs')
    head, line, only = script('preset_table.py', *arguments).splitlines()
    assert head.startswith('| seed | test accuracy | seconds of training | 0.05 was first reached in epoch |')
    assert only.startswith('| 0 | 0.')
    assert script('preset_table.py', *arguments).splitlines() == [head, line, only]


@pytest.mark.slow
def test_compare_with_notebook_trains_the_same_network_twice():
    lines = script('compare_with_notebook.py', '--limit', 640).splitlines()
    losses = [float(line.split('Loss: ')[1].split(',')[0]) for line in lines if 'Loss' in line]
    assert len(losses) == 2
    assert abs(losses[0] - losses[1]) < 0.1
    ours, notebook = (float(line.split()[1]) for line in lines if 'Loss' in line)
    assert lines[-4] == '| formulation | seconds, median of 1 | gluon_bn / it |'
    name, seconds, ratio = lines[-1].strip('| ').split(' | ')
    assert (name, float(seconds)) == ("the notebook's", notebook)
    assert float(ratio) == pytest.approx(ours / notebook, abs=0.02)  # of times that are printed in tenths of a second


def test_time_solver_prints_a_median():
    assert 's (median of 2; ' in script('time_solver.py', '--repeats', 2, '--epochs', 1)


# ---- the shell scripts, on copies of the project with a stand-in for pip ---------------------------------------------

@pytest.fixture
def project(tmp_path):
    """A copy of the scripts in a folder with a space, where installing takes no time and needs no network."""
    folder = tmp_path / 'a folder'
    shutil.copytree(SCRIPTS, folder / 'scripts')
    for name in ('setup.py', 'pyproject.toml'):
        shutil.copy(ROOT / name, folder)
    (folder / 'scripts' / 'train_mnist.py').write_text("import sys; print('training', sys.argv[1:])\n")
    return folder


def shell(project, code, **environment):
    """Run shell code after sourcing environment.sh, with pip replaced by a line that says how it was called."""
    prelude = f'''
set -euo pipefail
. "{project}/scripts/environment.sh"
'''
    return subprocess.run(['bash', '-c', prelude + code], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=600, cwd='/')


def environment_with_a_stand_in_for_pip(project):
    """Make the project's environment; its pip prints how it was called."""
    python = shell(project, 'find_pythons | head -n 1').stdout.strip()
    subprocess.run([python, '-m', 'venv', '--without-pip', str(project / '.venv')], check=True)
    packages, = (project / '.venv').glob('lib/python*/site-packages')
    (packages / 'pip').mkdir()
    (packages / 'pip' / '__init__.py').write_text('')
    (packages / 'pip' / '__main__.py').write_text("import sys; print('pip', *sys.argv[1:])\n")


def test_a_suitable_python_is_found():
    found = subprocess.run(['bash', '-c', f'. "{SCRIPTS}/environment.sh"; find_pythons'], capture_output=True,
                           text=True, timeout=600, check=True).stdout.splitlines()
    assert found
    versions = {subprocess.run([python, '-c', 'import sys; print(*sys.version_info[:2])'], capture_output=True,
                               text=True, check=True).stdout.strip() for python in found}
    assert all(version.startswith('3 ') and int(version[2:]) >= 8 for version in versions)
    assert len(found) == len(set(found))


def test_without_a_suitable_python_it_says_what_is_missing(project):
    result = shell(project, 'find_pythons() { :; }; ensure_environment ""')
    assert result.returncode == 1
    assert 'needs Python 3.8 or later' in result.stderr
    assert 'python3-venv' in result.stderr


def test_the_environment_is_made_repaired_and_reused(project):
    environment_with_a_stand_in_for_pip(project)
    first = shell(project, 'ensure_environment ""')
    assert (first.returncode, 'pip install -q --no-warn-conflicts --config-settings editable_mode=compat -e'
            in first.stdout) == (0, True), first.stderr
    again = shell(project, 'ensure_environment ""')
    assert (again.returncode, again.stdout, again.stderr) == (0, '', '')
    other = shell(project, 'ensure_environment test')
    assert f'-e {project}[test]' in other.stdout
    (project / '.venv' / 'installed-').unlink()
    assert shell(project, 'ensure_environment ""').stdout == ''  # what serves the tests serves without them
    gpu = shell(project, 'ensure_environment ""; echo "build $GLUON_BN_MXNET"', GLUON_BN_MXNET='cu117')
    assert 'pip uninstall -q -y mxnet mxnet-cu112' in gpu.stdout
    kept = shell(project, 'ensure_environment ""')  # the GPU build stays, without being asked for again
    assert (kept.stdout, (project / '.venv' / 'mxnet-build').read_text()) == ('', 'cu117\n')


@pytest.mark.parametrize(('minor', 'build', 'second'), [
    (12, 'cpu', []), (13, 'cpu', ['--no-deps mxnet==1.9.1']), (14, 'cu117', ['--no-deps mxnet-cu117==1.9.1'])])
def test_from_python_3_13_on_mxnet_is_installed_without_its_pins(project, minor, build, second):
    result = shell(project, f"""
python() {{ echo "$GLUON_BN_MXNET" "$@"; }}
_minor() {{ echo {minor}; }}
GLUON_BN_MXNET=''
install_into python {build} WHAT""")
    first, *others = result.stdout.splitlines()
    assert first == f'{build} -m pip install -q --no-warn-conflicts WHAT', result.stderr
    assert [line.split('conflicts ')[1] for line in others] == second


@pytest.mark.parametrize('newest', [3, 99])
def test_a_python_newer_than_any_tried_is_taken_with_a_warning(project, newest):
    result = shell(project, f'''
newest_tried={newest}
find_pythons() {{ type -P false; }}
_minor() {{ echo 15; }}
_make_venv''')
    assert ('may not work' in result.stderr) == (newest == 3)
    assert 'could not make' in result.stderr


def test_another_folder_than_venv_can_be_named(project, tmp_path):
    result = shell(project, 'echo "$venv"', GLUON_BN_VENV=str(tmp_path / 'other'))
    assert result.stdout.strip() == str(tmp_path / 'other')


def test_a_half_made_environment_is_made_anew(project):
    (project / '.venv' / 'bin').mkdir(parents=True)
    (project / '.venv' / 'bin' / 'python').write_text('#!/bin/false\n')
    result = shell(project, '''
find_pythons() { :; }
ensure_environment ""''')
    assert 'is broken or half-made: making it anew' in result.stderr
    assert not (project / '.venv').exists()


def test_run_sh_passes_its_arguments_on_from_any_folder(project, tmp_path):
    environment_with_a_stand_in_for_pip(project)
    result = subprocess.run(['bash', str(project / 'scripts' / 'run.sh'), '--output', 'a b', '--lr', '0.1'],
                            cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert result.stdout.splitlines()[-1] == "training ['--output', 'a b', '--lr', '0.1']", result.stderr


def test_install_sh_lists_the_builds():
    result = subprocess.run(['bash', str(SCRIPTS / 'install.sh'), 'cu999'], capture_output=True, text=True, timeout=600)
    assert result.returncode == 2
    assert 'cpu|cu112|cu116|cu117' in result.stderr


@pytest.mark.parametrize(('name', 'arguments', 'said'), [
    ('accuracy_table.py', ['--seeds', '0'], '--seeds is 0; it must be at least 1'),
    ('accuracy_table.py', ['--epochs', '-1'], '--epochs is -1; it must be at least 1'),
    ('preset_table.py', ['fast', '--seeds', '0'], '--seeds is 0; it must be at least 1'),
    ('compare_with_notebook.py', ['--repeats', '0'], '--repeats is 0; it must be at least 1'),
    ('time_solver.py', ['--epochs', '0'], '--epochs is 0; it must be at least 1'),
    ('keep_results.py', ['x', ' '], 'the command is empty; expected a script with its arguments')])
def test_numbers_of_which_nothing_comes_are_refused_at_once(name, arguments, said, script_here):
    status, out, err = script_here(SCRIPTS / name, *arguments)
    assert (status, out, said in err, err.count('\n')) == (2, '', True, 1)
