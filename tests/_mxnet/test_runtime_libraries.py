import ctypes
import importlib.metadata
import struct
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from gluon_bn._mxnet import runtime_libraries
from gluon_bn._mxnet.runtime_libraries import advice, plainly_named, preload

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='these libraries are for MXNet on Linux')


def an_elf_file(names=b'\0libgomp-870cb1d0.so.1.0.0\0libc.so.6\0', soname=1, kind=b'\x7fELF\x02\x01'):
    """A library as small as can be: two program headers, a dynamic section, and its string table at address 0x5000."""
    dynamic = struct.pack('<6Q', 5, 0x5000, 14, soname, 0, 0)
    strings_at = 64 + 2 * 56 + len(dynamic)
    headers = struct.pack('<IIQQQQQQ', 1, 4, strings_at, 0x5000, 0, len(names), len(names), 4096)
    headers += struct.pack('<IIQQQQQQ', 2, 4, 64 + 2 * 56, 0x9000, 0, len(dynamic), len(dynamic), 8)
    header = kind.ljust(32, b'\0') + struct.pack('<Q', 64) + bytes(14) + struct.pack('<HH', 56, 2) + bytes(6)
    return header + headers + dynamic + names


def donor():
    """Any of the packages' libraries that is installed here, and which."""
    for name, packages in runtime_libraries.DONORS.items():
        for package in packages:
            try:
                return runtime_libraries._copy_in(package, name), name
            except (LookupError, importlib.metadata.PackageNotFoundError):
                continue
    pytest.skip('no package here brings such a library along')


def test_only_the_name_changes():
    before = an_elf_file()
    after = plainly_named(before, 'libgomp.so.1')
    assert after == before.replace(b'libgomp-870cb1d0.so.1.0.0', b'libgomp.so.1'.ljust(25, b'\0'))


@pytest.mark.parametrize('broken', [
    b'', b'not a library', an_elf_file(kind=b'\x7fELF\x01\x01'), an_elf_file()[:150],
    an_elf_file(names=b'\0short.so\0')], ids=['empty', 'text', '32 bits', 'cut off', 'no room'])
def test_what_is_no_such_library_is_refused(broken):
    with pytest.raises(ValueError, match=r'ELF|room|name|table'):
        plainly_named(broken, 'libgomp.so.1')


def test_a_renamed_library_is_found_by_its_new_name_and_leaves_no_file(tmp_path):
    library, name = donor()
    (tmp_path / 'library').write_bytes(library)
    code = f"""if True:
        import ctypes, pathlib, tempfile
        from gluon_bn._mxnet import runtime_libraries
        tempfile.tempdir = {str(tmp_path)!r}
        try:
            ctypes.CDLL('libnew.so')
        except OSError:
            print('not there')
        library = pathlib.Path({str(tmp_path / 'library')!r}).read_bytes()
        runtime_libraries._load_bytes(runtime_libraries.plainly_named(library, 'libnew.so'), 'libnew.so')
        ctypes.CDLL('libnew.so').{'omp_get_max_threads' if 'gomp' in name else 'strtoflt128'}
        print(*(path.name for path in pathlib.Path({str(tmp_path)!r}).iterdir()))"""
    said = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True, timeout=600).stdout
    assert said.split('\n') == ['not there', 'library', '']


def test_where_nothing_in_the_temporary_folder_may_run_another_folder_is_taken(tmp_path, monkeypatch):
    tried = []

    def refuse_the_first(path):
        tried.append(Path(path))
        if len(tried) == 1:
            raise OSError('failed to map segment from shared object')

    monkeypatch.setattr(ctypes, 'CDLL', refuse_the_first)
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    runtime_libraries._load_bytes(b'', 'libgomp.so.1')
    assert [path.name for path in tried] == ['libgomp.so.1'] * 2
    assert tried[1].parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_not_as_installed_is_refused(tmp_path, monkeypatch):
    class File:
        name = 'libgomp-1.so.1.0.0'
        hash = importlib.metadata.FileHash('sha256=AAAA')

        def locate(self):
            return tmp_path / self.name

    (tmp_path / File.name).write_bytes(an_elf_file())
    monkeypatch.setattr(importlib.metadata, 'files', lambda package: [File()])
    with pytest.raises(ValueError, match='not as pykdtree installed it'):
        runtime_libraries._copy_in('pykdtree', 'libgomp.so.1')


def test_preload_says_where_each_comes_from_or_that_it_is_nowhere(monkeypatch):
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: name == 'libgomp.so.1')
    monkeypatch.setattr(runtime_libraries, 'DONORS', {'libgomp.so.1': (), 'libquadmath.so.0': ('no-such-package',)})
    assert preload.__wrapped__() == {'libgomp.so.1': 'the system', 'libquadmath.so.0': None}


def test_preload_does_nothing_on_other_machines(monkeypatch):
    monkeypatch.setattr(runtime_libraries, '_load', lambda name: pytest.fail('tried'))
    monkeypatch.setattr('platform.machine', lambda: 'aarch64')
    assert preload.__wrapped__() == {}


def test_the_advice_names_every_missing_library_and_packages_of_pip_debian_and_fedora(monkeypatch):
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: False)
    said = advice(OSError('libgomp.so.1: cannot open shared object file: No such file or directory'))
    for words in ('libgomp.so.1 and libquadmath.so.0', 'pip install pykdtree scipy-openblas32==',
                  'apt-get install libgomp1 libquadmath0', 'dnf install libgomp libquadmath'):
        assert words in said


def test_the_advice_for_what_no_package_brings(monkeypatch):
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: True)
    said = advice(OSError('libstdc++.so.6: cannot open shared object file'))
    assert 'pip install' not in said
    assert 'apt-get install libstdc++6 (' in said


def test_no_advice_for_another_error():
    assert advice(OSError('libcudnn.so.8: cannot open shared object file')) is None


def test_the_packages_that_the_advice_names_are_those_that_are_required():
    requirements = (Path(__file__).resolve().parents[2] / 'setup.py').read_text(encoding='utf-8')
    for package in runtime_libraries._PIP_PACKAGES.values():
        assert package in requirements


def an_elf_file_of_several_segments(name=b'libgomp-870cb1d0.so.1.0.0'):
    """As compilers lay it out: the string table in the middle of its segment, beside others that have not got it."""
    strings = b'\0libc.so.6\0' + name + b'\0'
    dynamic = struct.pack('<8Q', 1, 1, 5, 0x5010, 14, 11, 0, 0)
    start = 64 + 5 * 56
    dynamic_at, segment_at = start, start + len(dynamic)
    segments = [(6, 8, 0x5000, 0x100), (1, 8, 0x4000, 0x1010), (1, segment_at, 0x5008, 8 + len(strings)),
                (1, 8, 0x6000, 0x1000), (2, dynamic_at, 0x9000, len(dynamic))]
    headers = b''.join(struct.pack('<IIQQQQQQ', kind, 4, offset, address, 0, length, length, 8)
                       for kind, offset, address, length in segments)
    header = b'\x7fELF\x02\x01'.ljust(32, b'\0') + struct.pack('<Q', 64) + bytes(14) + struct.pack('<HH', 56, 5)
    return header + bytes(6) + headers + dynamic + bytes(8) + strings


def test_the_name_is_found_among_several_segments():
    before = an_elf_file_of_several_segments()
    assert plainly_named(before, 'libgomp.so.1') == before.replace(b'libgomp-870cb1d0.so.1.0.0',
                                                                   b'libgomp.so.1'.ljust(25, b'\0'))


def test_a_name_of_the_same_length_has_room():
    before = an_elf_file(names=b'\0libabcd.so.1\0')
    assert plainly_named(before, 'libgomp.so.1') == before.replace(b'libabcd', b'libgomp')
    with pytest.raises(ValueError, match=r'its name libabcd\.so\.1 has no room for libgomp\.so\.12'):
        plainly_named(before, 'libgomp.so.12')


@pytest.mark.parametrize(('broken', 'message'), [
    (an_elf_file().replace(struct.pack('<Q', 14), struct.pack('<Q', 15)), 'a library without a name'),
    (an_elf_file().replace(struct.pack('<QQ', 5, 0x5000), struct.pack('<QQ', 5, 0x8000)), 'without a string table'),
    (an_elf_file().replace(struct.pack('<QQ', 5, 0x5000), struct.pack('<QQ', 6, 0x5000)), 'a library without a name'),
    (b'\x7fELF', 'no ELF file of 64 bits'), (b'\x7fELF\x02\x01', 'an ELF file that is cut off')])
def test_what_a_library_lacks_is_said(broken, message):
    with pytest.raises(ValueError, match=message):
        plainly_named(broken, 'libgomp.so.1')


def test_libraries_of_the_system_and_of_nobody(monkeypatch):
    monkeypatch.setattr(runtime_libraries, 'DONORS', {'libc.so.6': (), 'libno-such.so.1': ('pytest',)})
    assert preload.__wrapped__() == {'libc.so.6': 'the system', 'libno-such.so.1': None}
    monkeypatch.setattr(sys, 'platform', 'darwin')
    assert preload.__wrapped__() == {}


def test_a_packages_library_is_loaded_by_its_plain_name_or_the_next_package_is_tried(monkeypatch):
    loaded = []

    def load(library, name):
        loaded.append((library, name))
        if len(loaded) == 1:
            raise OSError('not for this machine')

    monkeypatch.setattr(runtime_libraries, 'DONORS', {'libgomp.so.1': ('pytest', 'numpy', 'pip')})
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: False)
    monkeypatch.setattr(runtime_libraries, '_copy_in', lambda package, name: an_elf_file())
    monkeypatch.setattr(runtime_libraries, '_load_bytes', load)
    assert preload.__wrapped__() == {'libgomp.so.1': f"numpy {importlib.metadata.version('numpy')}"}
    assert loaded == [(plainly_named(an_elf_file(), 'libgomp.so.1'), 'libgomp.so.1')] * 2


@pytest.mark.parametrize('written', [None, 'md5=AAAA', 'right'])
def test_a_library_is_taken_unless_its_digest_is_another(written, tmp_path, monkeypatch):
    library = an_elf_file()
    digest = urlsafe_b64encode(sha256(library).digest()).decode().rstrip('=')

    class File:
        name = 'libgomp-1.so.1.0.0'
        hash = written and importlib.metadata.FileHash(f'sha256={digest}' if written == 'right' else written)

        def locate(self):
            return tmp_path / self.name

    (tmp_path / File.name).write_bytes(library)
    monkeypatch.setattr(importlib.metadata, 'files', lambda package: [File()])
    assert runtime_libraries._copy_in('pykdtree', 'libgomp.so.1') == library
    monkeypatch.setattr(importlib.metadata, 'files', lambda package: None)
    with pytest.raises(LookupError, match=r'pykdtree has no libgomp\.so\.1'):
        runtime_libraries._copy_in('pykdtree', 'libgomp.so.1')


def test_where_a_library_may_run_nowhere_every_reason_is_said(tmp_path, monkeypatch):
    def refuse(path):
        assert Path(path).read_bytes() == b'library'
        raise OSError('it may not run')

    monkeypatch.setattr(ctypes, 'CDLL', refuse)
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    monkeypatch.setenv('HOME', str(tmp_path))
    with pytest.raises(OSError, match='^it may not run; it may not run; it may not run$'):
        runtime_libraries._load_bytes(b'library', 'libgomp.so.1')
    assert list(tmp_path.iterdir()) == []


def test_the_advice_names_no_library_that_is_there(monkeypatch):
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: name == 'libquadmath.so.0')
    said = advice(OSError('libgomp.so.1: cannot open shared object file'))
    assert said.startswith('MXNet needs libgomp.so.1, and this machine has no such library: ')
    assert 'quadmath' not in said
    monkeypatch.setattr(runtime_libraries, '_system_has', lambda name: False)
    said = advice(OSError('libstdc++.so.6: cannot open shared object file'))
    assert 'libgomp.so.1 and libquadmath.so.0 and libstdc++.so.6' in said
    assert 'dnf install libgomp libquadmath libstdc++ ' in said
    assert advice(OSError('libcudnn.so.8: cannot open shared object file')) is None
