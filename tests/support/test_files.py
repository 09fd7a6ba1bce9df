import errno
import os
import subprocess
import sys

import pytest

from gluon_bn.support.files import FolderInUse, atomic_write, cache_dir, folder_locked, remove_leftovers


def test_the_name_appears_with_the_whole_content(tmp_path):
    path = tmp_path / 'several' / 'new' / 'file'
    with atomic_write(path, 'w') as file:
        file.write('héllo')
        file.flush()
        assert not path.exists()
    assert path.read_text(encoding='utf-8') == 'héllo'
    assert os.listdir(path.parent) == ['file']


def test_text_has_the_same_bytes_on_every_system(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'linesep', '\r\n')
    with atomic_write(tmp_path / 'file', 'w') as file:
        file.write('é\n')
    assert (tmp_path / 'file').read_bytes() == 'é\n'.encode()


def test_an_exception_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:  # noqa: PT012
        file.write(b'half of the n')
        raise KeyboardInterrupt
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    (tmp_path / '.latest.npz.123.tmp').write_bytes(b'half')
    (tmp_path / 'mine.tmp').write_bytes(b'kept')
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ['mine.tmp']


def test_one_process_at_a_time_has_a_folder_and_a_kill_frees_it(tmp_path):
    folder = tmp_path / 'new'
    hold = ("import sys, time\nfrom gluon_bn.support.files import folder_locked\n"
            "with folder_locked(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(100)")
    with subprocess.Popen([sys.executable, '-c', hold, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == 'held\n'
            with pytest.raises(FolderInUse, match=f'another process is at work in {folder}'), folder_locked(folder):
                pass
        finally:
            process.kill()
    with folder_locked(folder):
        pass
    with folder_locked(folder):
        pass


@pytest.mark.parametrize('mode', ['w', 'wb'])
def test_the_bytes_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch, mode):
    """A power cut after the renaming finds all of them: they were flushed from Python, and synced, before."""
    path, events = tmp_path / 'file', []

    def fsync(descriptor):
        events.append(('synced', os.fstat(descriptor).st_size, path.exists()))

    def replace(source, target):
        events.append(('renamed', os.path.getsize(source), target == path))
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(os, 'fsync', fsync)
    monkeypatch.setattr(os, 'replace', replace)
    with atomic_write(path, mode) as file:
        file.write('a few bytes' if mode == 'w' else b'a few bytes')
    assert events == [('synced', 11, False), ('renamed', 11, True)]


@pytest.mark.parametrize('function', ['fsync', 'replace'])
def test_a_full_disk_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch, function):
    path = tmp_path / 'file'
    path.write_bytes(b'old')

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match='No space left'), atomic_write(path) as file:
        file.write(b'new')
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']


def test_a_file_that_cannot_be_opened_is_that_error_alone(tmp_path):
    with pytest.raises(ValueError, match='invalid mode'), atomic_write(tmp_path / 'file', 'q'):
        pass
    assert os.listdir(tmp_path) == []


def test_names_may_be_strings_and_folders_are_made_however_many(tmp_path):
    with atomic_write(str(tmp_path / 'file')) as file:
        file.write(b'content')
    assert (tmp_path / 'file').read_bytes() == b'content'
    with folder_locked(str(tmp_path / 'several' / 'new')):
        assert (tmp_path / 'several' / 'new').is_dir()


def test_the_cache_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv('GLUON_BN_CACHE', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_dir() == tmp_path / 'gluon_bn'
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'own'))
    assert cache_dir() == tmp_path / 'own'


def test_a_relative_cache_folder_does_not_count(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('GLUON_BN_CACHE', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert cache_dir() == tmp_path / '.cache' / 'gluon_bn'
    monkeypatch.setenv('GLUON_BN_CACHE', 'here')
    with pytest.warns(RuntimeWarning, match="GLUON_BN_CACHE is 'here', which is not an absolute path, and is not used"):
        assert cache_dir() == tmp_path / '.cache' / 'gluon_bn'


def test_a_relative_cache_folder_is_reported_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv('GLUON_BN_CACHE', 'here')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    with pytest.warns(RuntimeWarning, match='is not used') as warned:
        assert cache_dir() == tmp_path / 'gluon_bn'
    assert warned[0].filename == __file__


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes with names here')
def test_what_is_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'folder').mkdir()
    for name, what in (('pipe', 'a device or a pipe'), ('folder', 'a folder')):
        with pytest.raises(OSError, match=f'{name} is {what}'), atomic_write(tmp_path / name) as file:
            file.write(b'new')
        assert not (tmp_path / name).is_file()
    assert sorted(os.listdir(tmp_path)) == ['folder', 'pipe']
