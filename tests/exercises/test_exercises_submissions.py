"""Submissions of a class: folders, zips, the exports of Moodle and Canvas, and the pages that are written of them."""
import zipfile
from pathlib import Path

import pytest

from gluon_bn.exercises import grading, submissions
from gluon_bn.exercises.__main__ import main
from gluon_bn.exercises.catalog import all_exercises, find
from gluon_bn.exercises.runner import Line, Verdict
from gluon_bn.exercises.submissions import NoSubmissions, find_submissions, opened

EXERCISES = all_exercises()


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def found(folder):
    learners, warnings = find_submissions(folder, EXERCISES)
    return ({learner: {name: str(path.relative_to(folder)) for name, path in answers.items()}
             for learner, answers in learners.items()}, warnings)


def test_folders(tmp_path):
    learners, warnings = found(files(
        tmp_path, 'ada/01_normalize_matrix.py', 'ada/deeper/04_bias_proof.ipynb', 'emmy/normalize.py',
        'emmy/notes.txt', 'emmy/timestamp.txt',
        '.git/01_normalize_matrix.py', '__MACOSX/ada/01_normalize_matrix.py', 'ada/.ipynb_checkpoints/09_adam.py',
        'ada/._01_normalize_matrix.py', '02_broadcast_gamma_beta.py', 'emmy/03_train_test_modes.py'))
    assert learners == {'ada': {'01_normalize_matrix': 'ada/01_normalize_matrix.py',
                                '04_bias_proof': 'ada/deeper/04_bias_proof.ipynb'}, 'emmy': {}}
    assert len(warnings) == 5
    assert 'emmy/normalize.py is no exercise and is left out (the closest name is 01_normalize_matrix.py).' in warnings
    for name in ('notes.txt', 'timestamp.txt'):  # the second is nbgrader's; neither was meant as an answer
        assert f'emmy/{name} is no exercise and is left out.' in warnings
    assert any('03_train_test_modes.py' in s and 'closest name is 03_train_test_mode.py' in s for s in warnings)
    assert any('02_broadcast_gamma_beta.py belongs to no learner' in sentence for sentence in warnings)


def test_two_answers_to_one_exercise(tmp_path):
    learners, (warning,) = found(files(tmp_path, 'ada/old/01_normalize_matrix.py', 'ada/01_normalize_matrix.py'))
    assert learners['ada']['01_normalize_matrix'] == 'ada/01_normalize_matrix.py'
    assert 'ada/old/01_normalize_matrix.py is left out' in warning


def test_moodle(tmp_path):
    learners, warnings = found(files(
        tmp_path, 'Ada Lovelace_123456_assignsubmission_file_/01_normalize_matrix.py',
        'Emmy Noether_1_assignsubmission_file/04_bias_proof.py',
        'Emmy Noether_2_assignsubmission_file_/04_bias_proof.py'))
    assert set(learners) == {'Ada Lovelace', 'Emmy Noether (1)', 'Emmy Noether (2)'}
    assert all(len(answers) == 1 for answers in learners.values())
    assert warnings == []


def test_moodle_without_folders_and_with_texts_that_were_typed_there(tmp_path):
    learners, warnings = found(files(
        tmp_path, 'Ada Lovelace_123456_assignsubmission_file_01_normalize_matrix.py',
        'Ada Lovelace_123456_assignsubmission_file_04_bias_proof.ipynb',
        'Ada Lovelace_123456_assignsubmission_onlinetext_/onlinetext.html',
        'Emmy Noether_1_assignsubmission_file_01_normalize_matrix.py',
        'Emmy Noether_2_assignsubmission_file_normalize.py'))
    assert {learner: set(answers) for learner, answers in learners.items()} == {
        'Ada Lovelace': {'01_normalize_matrix', '04_bias_proof'},
        'Emmy Noether (1)': {'01_normalize_matrix'}, 'Emmy Noether (2)': set()}
    assert len(warnings) == 2
    assert any('onlinetext.html is no exercise' in sentence for sentence in warnings)
    assert any('closest name is 01_normalize_matrix.py' in sentence for sentence in warnings)


def test_a_single_folder_of_moodle_is_a_learner(tmp_path):
    learners, (warning,) = found(files(tmp_path, 'Ada Lovelace_1_assignsubmission_file_/normalize.py'))
    assert learners == {'Ada Lovelace': {}}
    assert 'closest name is 01_normalize_matrix.py' in warning


def test_canvas(tmp_path):
    learners, warnings = found(files(
        tmp_path, 'lovelaceada_12345_67890_01_normalize_matrix.py', 'lovelaceada_12345_67891_04_bias_proof.ipynb',
        'noetheremmy_LATE_12346_67892_01_normalize_matrix.py', 'noetheremmy_12346_67893_01_normalize_matrix-1.py',
        'noetheremmy_12346_67894_normalise.py', 'weilandre_1_5_01_normalize_matrix.py',
        'weilandre_2_6_04_bias_proof.py'))
    assert set(learners) == {'lovelaceada', 'noetheremmy', 'weilandre (1)', 'weilandre (2)'}
    assert set(learners['lovelaceada']) == {'01_normalize_matrix', '04_bias_proof'}
    assert learners['noetheremmy'] == {'01_normalize_matrix': 'noetheremmy_12346_67893_01_normalize_matrix-1.py'}
    assert len(warnings) == 2  # the older one, and the name that is no exercise's


@pytest.mark.parametrize('inside', ['', 'export/'])
def test_a_zip_with_and_without_a_folder_of_its_own(tmp_path, inside):
    path = tmp_path / 'class.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        for name in ('ada/01_normalize_matrix.py', 'emmy/01_normalize_matrix.py', 'emmy\\04_bias_proof.py'):
            archive.writestr(inside + name, name)
        archive.writestr('__MACOSX/ada/._01_normalize_matrix.py', 'x')
    with opened(path) as folder:
        learners = find_submissions(folder, EXERCISES).learners
        assert {learner: set(answers) for learner, answers in learners.items()} == {
            'ada': {'01_normalize_matrix'}, 'emmy': {'01_normalize_matrix', '04_bias_proof'}}
    assert not folder.exists()


def test_a_single_learner_is_no_folder_around_learners(tmp_path):
    assert set(found(files(tmp_path, 'ada/01_normalize_matrix.py'))[0]) == {'ada'}


@pytest.mark.parametrize('name',
                         ['../outside.py', '/outside.py', 'ada/../../outside.py', '..\\outside.py', 'C:\\a.py'])
def test_a_zip_that_would_write_elsewhere_is_refused(tmp_path, name):
    path = tmp_path / 'in' / 'class.zip'
    path.parent.mkdir()
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('ada/01_normalize_matrix.py', '')
        archive.writestr(name, 'bad')
    with pytest.raises(NoSubmissions, match='would be written elsewhere'), opened(path):
        pass
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*') if p.is_file()] == ['in/class.zip']


@pytest.mark.parametrize(('limit', 'value'), [('MOST_FILES', 1), ('LARGEST_FILE', 99_999), ('LARGEST_SUM', 150_000)])
def test_a_zip_that_is_too_large_is_refused(tmp_path, monkeypatch, limit, value):
    path = tmp_path / 'class.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for learner in ('ada', 'emmy'):
            archive.writestr(f'{learner}/01_normalize_matrix.py', 'x' * 100_000)
    monkeypatch.setattr(submissions, limit, value)
    with pytest.raises(NoSubmissions, match='is refused: it holds 2 files of 200,000 bytes'), opened(path):
        pass


def test_what_is_no_zip(tmp_path, capsys):
    (tmp_path / 'broken.zip').write_bytes(b'PK\5\6' + bytes(18) + b'rest')
    (tmp_path / 'text.zip').write_text('no zip')
    for name in ('text.zip', 'nowhere'):
        assert main(['grade', str(tmp_path / name)]) == 2
        assert 'is no folder and no zip' in capsys.readouterr().err


def verdict(*passed):
    return Verdict([Line(f'requirement {n}', ok, '' if ok else '<b>wrong</b> ```', '' if ok else 'Look again.', 'x')
                    for n, ok in enumerate(passed)], '', 0)


def test_pages_name_every_failed_requirement(tmp_path):
    graded = [('Ada / Lovelace', {'a': verdict(True, False, False), 'b': None}),
              ('Ada ? Lovelace', {'a': verdict(True)}),
              ('../..', {'a': verdict(False)})]
    paths = grading.write_pages(graded, tmp_path / 'pages')
    assert [path.name for path in paths] == ['Ada_Lovelace.md', 'Ada_Lovelace~2.md', 'learner.md']
    page = paths[0].read_text(encoding='utf-8')
    assert page.startswith('# Ada / Lovelace\n\n0 of 2 exercises complete.\n')
    assert '**requirement 1**' in page
    assert '**requirement 2**' in page
    assert 'requirement 0' not in page
    assert page.count('Hint: Look again.') == 2
    assert '````\n<b>wrong</b> ```\n````' in page  # a learner's words stay words
    assert '## b: not handed in' in page


def test_the_name_of_a_learner_is_no_formula():
    assert "\n'=1+1,1.00,1" in grading.as_csv([('=1+1', {'a': verdict(True)})], [find('1')]).replace('\r', '')


def test_grade_a_zip_with_notebooks_and_pages(tmp_path, capsys):
    """From the command line, with two processes."""
    exercise = find('adam_bias_correction')
    for learner, text in (('ada', exercise.solution), ('emmy', exercise.skeleton)):
        files(tmp_path / 'in', f'{learner}/{exercise.name}.py')
        (tmp_path / 'in' / learner / f'{exercise.name}.py').write_text(text.read_text(encoding='utf-8'))
    files(tmp_path / 'in', 'emmy/adam.py')
    with zipfile.ZipFile(tmp_path / 'class.zip', 'w') as archive:
        for path in (tmp_path / 'in').rglob('*.py'):
            archive.write(path, str(path.relative_to(tmp_path / 'in')))
    pages = tmp_path / 'pages'
    assert main(['grade', str(tmp_path / 'class.zip'), '--csv', '--pages', str(pages), '--processes', '2']) == 1
    out, err = capsys.readouterr()
    assert [line.split(',')[-1] for line in out.splitlines()] == ['complete', '1', '0']
    assert 'warning: emmy/adam.py is no exercise' in err
    assert '09_adam_bias_correction.py' in err
    assert sorted(path.name for path in Path(pages).iterdir()) == ['ada.md', 'emmy.md']
    assert 'not done yet: adam_step' in (pages / 'emmy.md').read_text(encoding='utf-8')


@pytest.mark.parametrize('number', ['0', '-1', 'many', '1.5', '1000'])
def test_the_number_of_processes_is_checked(number, capsys):
    assert main(['grade', '.', '--processes', number]) == 2
    assert 'whole number from 1 to 256' in capsys.readouterr().err


def test_a_zip_whose_directory_points_outside_it_is_refused(tmp_path):
    path = tmp_path / 'class.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('ada/01_normalize_matrix.py', 'pass')
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + whole[14:])  # four bytes are missing: the file would begin before the zip does
    with pytest.raises(NoSubmissions, match='class.zip cannot be unpacked: ') as caught, opened(path):
        pass
    assert '\n' not in str(caught.value)
