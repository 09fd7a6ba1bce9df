"""The cache of the native operators: only what the user's own compiler made, whole and working, is ever loaded."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from processes import typed

from gluon_bn.fast import build, compiler, native, trial, trust, variants
from gluon_bn.fast.compiler import BuildError
from gluon_bn.fast.trust import Untrusted

ROOT = Path(__file__).resolve().parents[2]
TO_LAST = 'for last; do :; done\n'
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to have files of another user")


@pytest.fixture
def library():
    if not native.available():
        pytest.skip(native.native_status())
    return native.path()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    native.available()  # with the usual cache, before another one is set
    monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'cache'))
    monkeypatch.delenv('GLUON_BN_BUILD_SECONDS', raising=False)
    return tmp_path / 'cache'


def fake(path, script, monkeypatch):
    """Make a shell script the compiler."""
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo fake; exit 0; fi\n'
                    f'echo run >> {path}.runs\n{script}\n')
    path.chmod(0o755)
    monkeypatch.setenv('CXX', str(path))
    return path


def left(cache):
    """What a build left, by kind."""
    return sorted({path.suffix for path in (cache / 'native').iterdir()})


@pytest.fixture
def quick_trial(monkeypatch):
    """A trial that only loads the library, in this process: for libraries that are known."""
    monkeypatch.setattr(build, '_try', lambda built: None)


# Compilers that fail

@pytest.mark.parametrize(('script', 'message'), [
    ('exit 3', 'the compiler failed with status 3'),
    ('exit 0', 'the compiler ended with status 0 and wrote no library'),
    (f'{TO_LAST}mkdir "$last"', 'the compiler ended with status 0 and wrote no library'),
    (f'{TO_LAST}ln -s /bin/sh "$last"', 'the compiler ended with status 0 and wrote no library'),
    (f'{TO_LAST}mkfifo "$last"', 'the compiler ended with status 0 and wrote no library'),
    ('kill -SEGV $$', 'the compiler failed with status -11'),
    ('kill -KILL $$', 'the compiler failed with status -9'),
    ('yes | head -c 50000000; exit 4', 'the compiler failed with status 4'),
    pytest.param(f'{TO_LAST}head -c 700000000 /dev/zero > "$last"', 'the compiler ', marks=pytest.mark.slow),
    ('printf "\\377\\000\\n" ; exit 5', 'the compiler failed with status 5'),
])
def test_a_compiler_that_fails_is_one_sentence_and_leaves_no_library(script, message, cache, tmp_path, monkeypatch):
    cxx = fake(tmp_path / 'cxx', script, monkeypatch)
    with pytest.raises(BuildError, match=message) as caught:
        build.library('native')
    assert '\n' not in str(caught.value)
    assert left(cache) == ['.failed', '.lock']
    assert sum(path.stat().st_size for path in (cache / 'native').iterdir()) < 1 << 20
    with pytest.raises(BuildError, match='the build failed before'):
        build.library('native')
    assert Path(f'{cxx}.runs').read_text() == 'run\n'


def test_a_build_that_failed_is_tried_again_after_a_day(cache, tmp_path, monkeypatch):
    """It may have been a machine with too much to do, or a full disk."""
    cxx = fake(tmp_path / 'cxx', 'exit 3', monkeypatch)
    for _ in range(3):
        with pytest.raises(BuildError):
            build.library('native')
        failed, = (cache / 'native').glob('*.failed')
        os.utime(failed, (failed.stat().st_mtime - 25 * 3600,) * 2)
    assert Path(f'{cxx}.runs').read_text() == 'run\nrun\nrun\n'


def test_within_a_day_what_failed_is_not_tried_again(cache, tmp_path, monkeypatch):
    cxx = fake(tmp_path / 'cxx', 'exit 3', monkeypatch)
    for hours in (0, 1, 23):
        with pytest.raises(BuildError, match='the build failed before' if hours else 'failed with status 3'):
            build.library('native')
        failed, = (cache / 'native').glob('*.failed')
        os.utime(failed, (time.time() - hours * 3600,) * 2)
    assert Path(f'{cxx}.runs').read_text() == 'run\n'


def test_a_build_is_announced_before_it_begins(cache, tmp_path, monkeypatch, capfd):
    fake(tmp_path / 'cxx', 'echo begun > /dev/stderr; exit 3', monkeypatch)
    with pytest.raises(BuildError):
        build.library('native')
    assert capfd.readouterr().err == 'gluon_bn: building the native operators (once, up to a minute) ...\n'


def test_a_compiler_has_as_much_processor_time_as_time(tmp_path):
    limits = compiler.run(['/bin/sh', '-c', 'ulimit -t; ulimit -f'], 77)
    assert limits == (0, b'78\n1048576\n')


def test_what_a_user_types_is_not_for_the_compiler():
    with typed(b'typed'):
        assert compiler.run(['cat'], 20) == (0, b'')
        assert os.read(0, 9) == b'typed'


def test_what_a_compiler_leaves_running_in_a_session_of_its_own_keeps_nobody():
    before = set(threading.enumerate())
    status, said = compiler.run(['/bin/sh', '-c', 'setsid sleep 1000 & echo $!'], 20)
    reading = set(threading.enumerate()) - before
    os.kill(int(said), signal.SIGKILL)
    assert status == 0
    assert reading
    assert all(thread.daemon for thread in reading)  # the end of Python does not wait for these
    for thread in reading:
        thread.join(60)
        assert not thread.is_alive()


def test_each_compiler_is_told_the_processor_in_its_own_words():
    gcc, zig = (compiler.command(words, '/mxnet', 'x86-64-v3', '/a.so')
                for words in (['/usr/bin/g++'], [sys.executable, '-m', 'ziglang', 'c++']))
    assert [word for word in gcc if 'x86' in word] == ['-march=x86-64-v3']
    assert {'x86_64-linux-gnu.2.17', '-mcpu=x86_64_v3'} <= set(zig)
    assert not [word for word in zig if word.startswith('-march')]


@pytest.mark.parametrize(('content', 'reason'), [
    ("echo nonsense > \"$last\"", 'it is no shared library'),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (": > \"$last\"", 'it is no shared library'),
        ("cp /bin/sh \"$last\"", ''),
        ("head -c 100000 LIBRARY > \"$last\"", ''),
        ("head -c 200 LIBRARY > \"$last\"", ''))),
])
def test_a_library_that_does_not_work_is_not_kept(content, reason, cache, tmp_path, monkeypatch, library):
    fake(tmp_path / 'cxx', TO_LAST + content.replace('LIBRARY', str(library)), monkeypatch)
    with pytest.raises(BuildError, match=r'the library that the compiler wrote does not work \(.*' + reason) as caught:
        build.library('native')
    assert '\n' not in str(caught.value)
    assert 'Traceback' not in str(caught.value)
    assert left(cache) == ['.failed', '.lock']


def test_a_compiler_that_hangs_is_ended_with_what_it_started(cache, tmp_path, monkeypatch):
    monkeypatch.setenv('GLUON_BN_BUILD_SECONDS', '0.5')
    fake(tmp_path / 'cxx', f'sleep 1000 & echo $! > {tmp_path}/pid; wait', monkeypatch)
    with pytest.raises(BuildError, match='cxx did not end within 0.5 s'):
        build.library('native')
    assert left(cache) == ['.failed', '.lock']
    assert is_gone(int((tmp_path / 'pid').read_text()))


def is_gone(pid):
    for _ in range(100):
        try:
            if Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'Z':
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(('chosen', 'message'), [
    ('no-such-compiler -x', r'there is no C\+\+ compiler \(no-such-compiler\)'),
    ('g++ "', r'which is no command \(No closing quotation\)'),
    ('/', r'there is no C\+\+ compiler \(/\)'),
    ('false', r'false --version failed with status 1'),
])
def test_what_is_no_compiler(chosen, message, cache, monkeypatch):
    monkeypatch.setenv('CXX', chosen)
    with pytest.raises(BuildError, match=message):
        build.library('native')


def test_a_file_that_cannot_be_run_is_no_compiler(cache, tmp_path, monkeypatch):
    (tmp_path / 'cxx').write_bytes(b'\x7fELF nonsense')
    monkeypatch.setenv('CXX', str(tmp_path / 'cxx'))
    with pytest.raises(BuildError, match=r'there is no C\+\+ compiler'):
        build.library('native')
    (tmp_path / 'cxx').chmod(0o755)
    with pytest.raises(BuildError, match='--version failed with status'):
        build.library('native')


def test_a_compiler_may_be_several_words_or_have_a_space_in_its_name(tmp_path, monkeypatch):
    spaced = fake(tmp_path / 'my cxx', 'exit 0', monkeypatch)
    assert compiler.find() == [str(spaced)]
    monkeypatch.setenv('CXX', f"env  A=1 '{spaced}'")
    assert compiler.find() == [shutil.which('env'), 'A=1', str(spaced)]
    assert compiler.version(compiler.find()) == 'fake\n'


@pytest.mark.parametrize('value', ['1e300', '1e18'])
def test_seconds_beyond_any_limit_are_none(value, cache, tmp_path, monkeypatch):
    fake(tmp_path / 'cxx', 'exit 3', monkeypatch)  # the shell that sets the limits must not be what fails
    monkeypatch.setenv('GLUON_BN_BUILD_SECONDS', value)
    with pytest.raises(BuildError, match='the compiler failed with status 3'):
        build.library('native')


@pytest.mark.parametrize('value', ['abc', '-1', '0', 'nan', 'inf', '1e999'])
def test_seconds_that_are_no_seconds(value, cache, tmp_path, monkeypatch):
    fake(tmp_path / 'cxx', 'exit 0', monkeypatch)
    monkeypatch.setenv('GLUON_BN_BUILD_SECONDS', value)
    with pytest.raises(BuildError, match=f"GLUON_BN_BUILD_SECONDS is '{value}', and it must be a number of seconds"):
        build.library('native')
    assert not (tmp_path / 'cxx.runs').exists()


@pytest.mark.parametrize(('value', 'seconds'), [('', 300), (' ', 300), ('2.5', 2.5)])
def test_seconds(value, seconds, monkeypatch):
    monkeypatch.setenv('GLUON_BN_BUILD_SECONDS', value)
    assert compiler.seconds_allowed() == seconds


# What is in the cache

@pytest.mark.parametrize('spoil', [
    lambda library: os.truncate(library, 1000),
    lambda library: os.truncate(library, 0),
    lambda library: library.write_bytes(library.read_bytes()[:-1] + b'x'),
    lambda library: trust.digest_file(library).unlink(),
    lambda library: trust.digest_file(library).write_bytes(b'\xff\x00'),
    lambda library: library.unlink(),
])
def test_a_library_that_is_not_whole_is_built_anew(spoil, cache, tmp_path, monkeypatch, library, quick_trial):
    cxx = fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, by = build.library('native')
    assert by == 'fake'
    assert build.library('native')[0] == path  # kept
    spoil(path)
    assert build.library('native')[0] == path
    assert path.read_bytes() == library.read_bytes()
    assert trust.is_whole(path)
    assert Path(f'{cxx}.runs').read_text() == 'run\n' * 2
    assert left(cache) == ['.lock', '.sha256', '.so']


def test_the_bytes_are_on_the_disk_before_the_library_counts(cache, tmp_path, monkeypatch, library, quick_trial):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda fd: (steps.append(f'fsync {Path(os.readlink(f"/proc/self/fd/{fd}")).name}'),
                                                 fsync(fd)))
    monkeypatch.setattr(os, 'replace', lambda a, b: (steps.append(f'rename {Path(a).name}'), replace(a, b)))
    fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, _ = build.library('native')
    assert steps[:2] == ['fsync library.so', 'rename library.so']
    assert [step.split()[0] for step in steps[2:]] == ['fsync', 'rename']
    assert path.stat().st_mode & 0o077 == 0


def test_what_a_killed_build_left_is_removed_and_what_cannot_be_is_no_obstacle(cache, tmp_path, monkeypatch, library,
                                                                              quick_trial):
    fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, _ = build.library('native')
    path.unlink()
    folder, file = (path.parent / f'{path.stem}.{name}.tmp' for name in ('killed', 'no folder'))
    folder.mkdir()
    (folder / 'library.so').write_bytes(b'half')
    file.touch()
    assert build.library('native')[0] == path
    assert not folder.exists()
    assert trust.is_whole(path)


def test_of_two_that_need_the_same_library_at_once_one_builds_it(cache, tmp_path, monkeypatch, library, quick_trial):
    cxx = fake(tmp_path / 'cxx', f'sleep 0.5; {TO_LAST}cp {library} "$last"', monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(build.library, ['native'] * 2)
    assert one == other
    assert Path(f'{cxx}.runs').read_text() == 'run\n'


def test_a_compiler_that_does_not_say_which_it_is_is_used_all_the_same(cache, tmp_path, monkeypatch, library,
                                                                      quick_trial):
    cxx = tmp_path / 'cxx'
    cxx.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then exit 0; fi\n{TO_LAST}cp {library} "$last"\n')
    cxx.chmod(0o755)
    monkeypatch.setenv('CXX', str(cxx))
    assert build.library('native')[1] == ''


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of what the library is made of."""
    shutil.copytree(compiler.FOLDER, tmp_path / 'src')
    monkeypatch.setattr(compiler, 'FOLDER', tmp_path / 'src')
    return [tmp_path / 'src' / name for name in (*compiler.SOURCES, *compiler.HEADERS)]


def test_for_sources_that_have_changed_another_library_is_built(cache, sources, tmp_path, monkeypatch, library,
                                                                quick_trial):
    fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    paths = [build.library('native')[0]]
    for source in (sources[0], sources[-1]):
        with open(source, 'a') as file:
            file.write('// changed\n')
        paths.append(build.library('native')[0])
    assert len(set(paths)) == 3
    sources[-1].unlink()
    with pytest.raises(BuildError, match=f'{sources[-1]} is missing'):
        build.library('native')


def test_a_library_is_the_users_alone_whatever_the_user_lets_others_do(cache, tmp_path, monkeypatch, library,
                                                                       quick_trial):
    fake(tmp_path / 'cxx', f'{TO_LAST}cat {library} > "$last"', monkeypatch)
    cache.mkdir()
    mask = os.umask(0)
    try:
        path, _ = build.library('native')
    finally:
        os.umask(mask)
    assert [file.stat().st_mode & 0o077 for file in (path.parent, path, trust.digest_file(path))] == [0, 0, 0]
    assert build.library('native')[0] == path


@pytest.mark.parametrize('what', ['so', 'sha256', 'folder', 'parent'])
@pytest.mark.parametrize('mode', [0o020, 0o002])
def test_what_others_may_write_is_not_used(what, mode, cache, tmp_path, monkeypatch, library, quick_trial):
    cxx = fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, _ = build.library('native')
    spoilt = {'so': path, 'sha256': trust.digest_file(path), 'folder': path.parent, 'parent': cache}[what]
    if what == 'parent' and os.getuid() == os.stat(cache).st_gid == os.getgid():
        if os.getuid() != 0:
            pytest.skip("the group is the user's own")
        os.chown(cache, 0, 12345)
    spoilt.chmod(spoilt.stat().st_mode | mode)
    with pytest.raises(Untrusted, match=r"others may write to .* \(chmod go-w '"):
        build.library('native')
    spoilt.chmod(spoilt.stat().st_mode & ~0o022)
    assert build.library('native')[0] == path
    assert Path(f'{cxx}.runs').read_text() == 'run\n'


@needs_root
@pytest.mark.parametrize('what', ['so', 'sha256', 'folder', 'parent'])
def test_what_belongs_to_another_user_is_not_used(what, cache, tmp_path, monkeypatch, library, quick_trial):
    fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, _ = build.library('native')
    os.chown({'so': path, 'sha256': trust.digest_file(path), 'folder': path.parent, 'parent': cache}[what], 12345, -1)
    with pytest.raises(Untrusted, match=r'belongs to another user \(set GLUON_BN_CACHE'):
        build.library('native')


def test_a_link_instead_of_the_library_is_not_used(cache, tmp_path, monkeypatch, library, quick_trial):
    fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
    path, _ = build.library('native')
    path.rename(tmp_path / 'elsewhere.so')
    path.symlink_to(tmp_path / 'elsewhere.so')
    with pytest.raises(Untrusted, match='is neither a file nor a folder'):
        build.library('native')


def test_a_folder_with_the_sticky_bit_may_be_on_the_way(tmp_path):
    (tmp_path / 'sticky').mkdir()
    (tmp_path / 'sticky').chmod(0o1777)
    assert trust.own_folder(tmp_path / 'sticky' / 'mine') == (tmp_path / 'sticky' / 'mine').resolve()
    assert (tmp_path / 'sticky' / 'mine').stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.getuid() != os.getgid(), reason='the group may have other members')
def test_a_folder_on_the_way_may_be_open_to_a_group_that_is_the_user_alone(tmp_path, monkeypatch):
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    (tmp_path / 'a').chmod(0o775)
    assert trust.own_folder(tmp_path / 'a' / 'b' / 'c' / 'd') == (tmp_path / 'a' / 'b' / 'c' / 'd').resolve()
    monkeypatch.setattr(os, 'getgid', lambda: os.getuid() + 1)
    with pytest.raises(Untrusted, match='others may write to'):
        trust.own_folder(tmp_path / 'a' / 'b')


def test_the_cache_may_be_a_link_and_what_it_leads_to_is_checked(tmp_path):
    (tmp_path / 'open' / 'real').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'open' / 'real')
    assert trust.own_folder(tmp_path / 'link') == (tmp_path / 'open' / 'real').resolve()
    (tmp_path / 'open').chmod(0o777)
    with pytest.raises(Untrusted, match=f'others may write to {(tmp_path / "open").resolve()}'):
        trust.own_folder(tmp_path / 'link')


def test_a_relative_folder_is_not_used():
    with pytest.raises(Untrusted, match='not an absolute path'):
        trust.own_folder(Path('relative'))


def test_the_cache_is_a_file(cache, tmp_path, monkeypatch):
    cache.write_text('not a folder')
    fake(tmp_path / 'cxx', 'exit 0', monkeypatch)
    with pytest.raises(OSError, match='Not a directory|File exists'):
        build.library('native')


@needs_root
def test_a_full_disk(tmp_path, monkeypatch, library, quick_trial):
    (tmp_path / 'small').mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(tmp_path / 'small')],
                      capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (tmp_path / 'small').chmod(0o700)
        monkeypatch.setenv('GLUON_BN_CACHE', str(tmp_path / 'small'))
        fake(tmp_path / 'cxx', f'{TO_LAST}cp {library} "$last"', monkeypatch)
        with pytest.raises((BuildError, OSError), match='the compiler failed with status 1|No space left'):
            build.library('native')
        assert not list((tmp_path / 'small').rglob('*.so'))
    finally:
        subprocess.run(['umount', str(tmp_path / 'small')], check=True)


@needs_root
def test_a_cache_that_this_user_cannot_write_to():
    code = ("import os, sys, pathlib\nfrom gluon_bn.fast import trust\nos.setgid(65534); os.setuid(65534)\n"
            "for folder in sys.argv[1:]:\n"
            "    try: print(trust.own_folder(pathlib.Path(folder)))\n"
            "    except (OSError, trust.Untrusted) as error: print(error)\n")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        ran = subprocess.run([sys.executable, '-c', code, f'{folder}/new', folder], capture_output=True, text=True,
                             env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert 'Permission denied' in ran.stdout.splitlines()[0], ran.stderr
    assert 'belongs to another user' in ran.stdout.splitlines()[1]


@pytest.mark.slow
def test_a_build_that_is_killed_is_done_again(cache, tmp_path, monkeypatch, library):
    fake(tmp_path / 'cxx', f'{TO_LAST}head -c 1000 {library} > "$last"; touch {tmp_path}/begun\n'
                           f'[ -e {tmp_path}/go ] || sleep 30\ncp {library} "$last"', monkeypatch)
    code = 'from gluon_bn.fast import native; print(native.native_status())'
    begin = [sys.executable, '-c', code]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    process = subprocess.Popen(begin, env=environment, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if (tmp_path / 'begun').exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((cache / 'native').glob('*.so'))
    assert list((cache / 'native').glob('*.tmp'))
    (tmp_path / 'go').touch()
    again = subprocess.run(begin, env=environment, capture_output=True, text=True)
    assert again.stdout == 'native operators: in use, built here by fake.\n', again.stderr
    assert left(cache) == ['.lock', '.sha256', '.so']


def test_the_folders_above_the_cache_are_made_or_used(tmp_path):
    for folder in (tmp_path / 'a' / 'b' / 'c', tmp_path / 'a' / 'b' / 'd'):
        assert trust.own_folder(folder) == folder.resolve()
        assert folder.is_dir()


# The trial of a library

@pytest.fixture
def operators(monkeypatch, library):
    """The operators that the trial finds: a test puts others there, and no library is loaded again."""
    monkeypatch.setattr(native.mx.library, 'load', lambda path, verbose: None)
    return native.mx.nd._internal


def test_a_library_that_computes_what_is_right_passes(operators, library):
    assert trial.main(str(library)) is None


@pytest.mark.parametrize(('name', 'wrong', 'said'), [
    ('_gluon_bn_cross_entropy', [0.6931472, 0.7], r'it computes \[0.69\d*, 0.69\d*\] where ln 2 is right'),
    ('_gluon_bn_cross_entropy', [1.6, 1.6], 'where ln 2 is right'),
    ('_gluon_bn_layer', [[-1.], [1.5]], r'it normalizes 1 and 3 to \[-1.0, 1.5\]'),
    ('_gluon_bn_layer', [[0.], [0.]], 'it normalizes 1 and 3 to'), ('_gluon_bn_layer', [[1.], [-1.]], 'it normalizes')])
def test_a_library_that_computes_something_else_does_not(name, wrong, said, operators, library, monkeypatch):
    monkeypatch.setattr(operators, name, lambda *inputs, **settings: native.mx.nd.array(wrong))
    with pytest.raises(SystemExit, match=said.replace(r', 0.69\d*', r', 0.\d*')):
        trial.main(str(library))


# Which library

def test_the_best_variant_for_a_processor():
    v3 = ['sse2', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe']
    v4 = [*v3, *['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']]
    assert variants.best(v4) == 'avx512'
    assert variants.best(v3) == variants.best([*v3, 'avx512f']) == 'avx2'
    for flag in v3[1:]:
        assert variants.best(set(v4) - {flag}) == 'x86_64'
    assert variants.best([]) == 'x86_64'


def test_a_variant_that_cannot_run_here(monkeypatch):
    monkeypatch.setattr(variants, 'processor_flags', lambda: frozenset(['sse2', 'avx']))
    monkeypatch.setenv('GLUON_BN_NATIVE_VARIANT', 'avx2')
    with pytest.raises(BuildError, match='is avx2, and this processor cannot run that .it lacks abm, avx2, bmi1'):
        variants.choose()


def test_a_variant_that_can_run_here_is_built_for_its_processor(monkeypatch):
    monkeypatch.setattr(variants, 'processor_flags', lambda: variants.VARIANTS['avx2'][1])
    monkeypatch.setenv('GLUON_BN_NATIVE_VARIANT', 'avx2')
    monkeypatch.setattr(variants, '_prebuilt', lambda: None)
    monkeypatch.setattr(build, 'library', lambda target: (target, 'a compiler'))
    assert variants.choose() == ('x86-64-v3', 'variant avx2, built here by a compiler')


def test_a_variant_that_there_is_not(monkeypatch):
    monkeypatch.setenv('GLUON_BN_NATIVE_VARIANT', 'avx1024')
    with pytest.raises(BuildError, match="'avx1024', and it must be one of avx512, avx2, x86_64, native"):
        variants.choose()


@pytest.fixture
def wheel(tmp_path, monkeypatch, library):
    """A folder as a wheel has it, each variant a copy of the library of this machine."""
    folder = tmp_path / 'prebuilt'
    folder.mkdir()
    for name in variants.VARIANTS:
        shutil.copy(library, folder / f'{name}.so')
    variants.write_about(folder, 'a compiler')
    monkeypatch.setattr(variants, 'FOLDER', folder)
    monkeypatch.delenv('GLUON_BN_NATIVE_VARIANT', raising=False)
    monkeypatch.setenv('CXX', 'no-such-compiler')
    return folder


def test_the_wheel_s_library_needs_no_compiler(wheel, monkeypatch):
    monkeypatch.setattr(variants, 'processor_flags', lambda: variants.VARIANTS['avx2'][1])
    assert variants.choose() == (wheel / 'avx2.so', 'variant avx2 of the wheel, made by a compiler')
    monkeypatch.setenv('GLUON_BN_NATIVE_VARIANT', 'x86_64')
    assert variants.choose() == (wheel / 'x86_64.so', 'variant x86_64 of the wheel, made by a compiler')
    monkeypatch.setenv('GLUON_BN_NATIVE_VARIANT', 'native')
    with pytest.raises(BuildError, match='there is no C'):
        variants.choose()


def test_a_damaged_library_of_the_wheel_is_not_loaded(wheel):
    for path in wheel.glob('*.so'):
        os.truncate(path, 1000)
    with pytest.raises(BuildError, match='is damaged; install the wheel again'):
        variants.choose()


def test_a_wheel_s_library_for_other_sources_is_not_loaded(wheel, monkeypatch):
    monkeypatch.setattr(compiler, 'SOURCES', compiler.SOURCES[1:])
    with pytest.raises(BuildError, match='there is no C'):
        variants.choose()


def test_a_wheel_s_library_for_sources_that_have_changed_is_not_loaded(wheel, sources):
    assert variants.choose()[0].parent == wheel
    with open(sources[-1], 'a') as file:
        file.write('// changed\n')
    with pytest.raises(BuildError, match='there is no C'):
        variants.choose()


def test_another_mxnet_is_refused(monkeypatch):
    monkeypatch.setattr(native.mx, '__version__', '1.8.0')
    assert native.load().reason == 'they are made for MXNet 1.9.1, and this is 1.8.0'


def test_a_library_that_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / 'x.so').write_bytes(b'nonsense')
    monkeypatch.setattr(variants, 'choose', lambda: (tmp_path / 'x.so', 'nowhere'))
    reason = native.load().reason
    assert reason.startswith(str(tmp_path / 'x.so'))
    assert 'Traceback' not in reason
    assert '\n' not in reason


def test_mxnets_own_traceback_becomes_its_last_line(monkeypatch):
    def fail():
        raise native.mx.base.MXNetError('Traceback (most recent call last):\n  File "../src/c_api/c_api.cc", line 1\n'
                                        'MXNetError: Library failed to initialize')

    monkeypatch.setattr(variants, 'choose', fail)
    assert native.load().reason == 'Library failed to initialize'
