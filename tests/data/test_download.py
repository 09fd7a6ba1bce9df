"""Downloads from an https server on this machine that misbehaves in every way seen in the wild."""
import gzip
import http.server
import io
import shutil
import ssl
import subprocess
import sys
import threading
import time
from hashlib import sha256

import pytest

from gluon_bn.data import DataError
from gluon_bn.data import download as download_module
from gluon_bn.data.download import download

CONTENT = bytes(range(256)) * 3000
PACKED = gzip.compress(CONTENT, mtime=0)
CHECKSUM = sha256(CONTENT).hexdigest()

pytestmark = pytest.mark.skipif(shutil.which('openssl') is None, reason='no openssl to make a certificate with')


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-addext', 'subjectAltName=DNS:localhost', '-keyout', folder / 'key.pem',
                    '-out', folder / 'cert.pem'],
                   check=True, capture_output=True)
    return folder


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get('Range')))
        start = int((self.headers.get('Range') or 'bytes=0-')[6:-1])
        body = {'/good': PACKED, '/no-range': PACKED, '/short': PACKED, '/html': b'<html>sorry</html>',
                '/other': gzip.compress(b'something else'), '/plain': CONTENT,
                '/a/folder/plain': CONTENT}.get(self.path)
        if self.path == '/to-http':
            self.send_response(302)
            self.send_header('Location', 'http://localhost:1/good')
            self.end_headers()
        elif body is None:
            self.send_error(404)
        elif start >= len(body):
            self.send_error(416)
        else:
            if self.path == '/no-range':
                start = 0
            self.send_response(206 if start else 200)
            self.send_header('Content-Length', str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start:start + 1000] if self.path == '/short' else body[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(certificate):
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / 'cert.pem', certificate / 'key.pem')
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        httpd.requests = []
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        httpd.base = f'https://localhost:{httpd.server_address[1]}'
        httpd.trust = ssl.create_default_context(cafile=str(certificate / 'cert.pem'))
        yield httpd
        httpd.shutdown()
        thread.join()


def fetch(server, path, *names):
    download([server.base + name for name in names], path, CHECKSUM, server.trust)


@pytest.mark.parametrize('name', ['/good', '/plain'])
def test_a_good_file_arrives_whole(server, tmp_path, name):
    path = tmp_path / 'new' / 'folder' / 'file.gz'
    fetch(server, path, name)
    assert path.read_bytes() == {'/good': PACKED, '/plain': CONTENT}[name]
    assert list(path.parent.iterdir()) == [path]


def test_one_of_several_that_want_the_same_file_downloads_it(server, tmp_path, monkeypatch):
    """The others wait, and find it there."""
    begun, append = threading.Barrier(3), download_module._append
    monkeypatch.setattr(download_module, '_append', lambda *args: (time.sleep(0.3), append(*args)))
    errors = []

    def run():
        begun.wait()
        try:
            fetch(server, tmp_path / 'file.gz', '/good')
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(tmp_path.iterdir()) == [tmp_path / 'file.gz']
    assert len(server.requests) == 1


def test_the_next_mirror_is_asked_when_one_fails(server, tmp_path):
    fetch(server, tmp_path / 'file.gz', '/missing', '/html', '/other', '/to-http', '/good')
    assert (tmp_path / 'file.gz').read_bytes() == PACKED


def test_a_download_goes_on_where_it_was_cut_off(server, tmp_path):
    path = tmp_path / 'file.gz'
    with pytest.raises(DataError, match='the connection broke after 1,000 of'):
        fetch(server, path, '/short')
    assert not path.exists()
    assert (tmp_path / 'file.gz.part').stat().st_size == 1000
    fetch(server, path, '/good')
    assert server.requests[-1] == ('/good', 'bytes=1000-')
    assert path.read_bytes() == PACKED


def test_a_server_that_cannot_go_on_starts_again(server, tmp_path):
    (tmp_path / 'file.gz.part').write_bytes(PACKED[:1000])
    fetch(server, tmp_path / 'file.gz', '/no-range')
    assert (tmp_path / 'file.gz').read_bytes() == PACKED


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    (tmp_path / 'file.gz.part').write_bytes(PACKED)
    fetch(server, tmp_path / 'file.gz', '/good')
    assert (tmp_path / 'file.gz').read_bytes() == PACKED


def test_a_wrong_part_is_thrown_away(server, tmp_path):
    (tmp_path / 'file.gz.part').write_bytes(b'x' * 1000)
    fetch(server, tmp_path / 'file.gz', '/good', '/good')
    assert (tmp_path / 'file.gz').read_bytes() == PACKED


def test_every_failure_is_named(server, tmp_path):
    with pytest.raises(DataError) as error:
        download([server.base + name for name in ('/missing', '/html', '/to-http')] + ['http://localhost/good'],
                 tmp_path / 'file.gz', CHECKSUM, server.trust)
    message = str(error.value)
    for part in ('/missing: Not Found', '/html: the content is not the expected one', 'which is not https',
                 'http://localhost/good: only https addresses are used', 'data_dir'):
        assert part in message
    assert '\n' not in message
    assert not (tmp_path / 'file.gz').exists()


@pytest.mark.parametrize('elsewhere', ['as it is', 'switched off'])
def test_an_unknown_certificate_is_refused(server, tmp_path, monkeypatch, elsewhere):
    """Also where a program no longer verifies certificates for what it asks for itself, a well-known trick."""
    if elsewhere == 'switched off':
        monkeypatch.setattr(ssl, '_create_default_https_context', ssl._create_unverified_context)
    with pytest.raises(DataError, match='certificate verify failed'):
        download([server.base + '/good'], tmp_path / 'file.gz', CHECKSUM)


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(DataError, match='cannot be written'):
        fetch(server, tmp_path / 'file' / 'file.gz', '/good')


class Other(Handler):
    """Does not say how long the file is, sends the asker on to where it is, or never answers."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get('Range')))
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', self.server.base + '/unknown-length')
            self.end_headers()
        elif self.path == '/silent':
            time.sleep(5)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PACKED)


@pytest.fixture
def other(server):
    server.RequestHandlerClass = Other
    return server


@pytest.mark.parametrize('name', ['/unknown-length', '/moved'])
def test_a_file_of_unknown_length_and_one_that_has_moved_arrive(other, tmp_path, name):
    fetch(other, tmp_path / 'file.gz', name)
    assert (tmp_path / 'file.gz').read_bytes() == PACKED


def test_a_server_that_never_answers_is_not_waited_for(other, tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, '_TIMEOUT', 0.5)
    with pytest.raises(DataError, match='/silent: .*timed out'):
        fetch(other, tmp_path / 'file.gz', '/silent')


def test_no_more_bytes_are_taken_than_may_be_held(server, tmp_path, monkeypatch):
    path = tmp_path / 'file.gz'
    monkeypatch.setattr(download_module, 'MOST_BYTES', len(CONTENT))
    fetch(server, path, '/plain')
    path.unlink()
    monkeypatch.setattr(download_module, 'MOST_BYTES', len(CONTENT) - 1)
    with pytest.raises(DataError, match='/plain: it sends more than 767,999 bytes'):
        fetch(server, path, '/plain')
    assert (tmp_path / 'file.gz.part').stat().st_size == 0
    with pytest.raises(DataError, match='/good: the content is not the expected one'):  # unpacked it is too long
        fetch(server, path, '/good')
    assert not path.exists()


def test_the_bytes_are_on_the_disk_before_the_file_gets_its_name(server, tmp_path, monkeypatch):
    events, replace = [], download_module.os.replace
    monkeypatch.setattr(download_module.os, 'fsync',
                        lambda descriptor: events.append(download_module.os.fstat(descriptor).st_size))
    monkeypatch.setattr(download_module.os, 'replace', lambda *names: (events.append('named'), replace(*names)))
    fetch(server, str(tmp_path / 'file.gz'), '/good')
    assert events == [len(PACKED), 'named']


def test_a_bar_shows_on_a_terminal_how_much_is_there(server, tmp_path, monkeypatch):
    def shown(stream, path):
        with monkeypatch.context() as patched:
            patched.setattr(sys, 'stderr', stream)
            fetch(server, path, '/a/folder/plain')
        return stream.getvalue()

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert shown(io.StringIO(), tmp_path / 'one') == ''
    (tmp_path / 'two.part').write_bytes(CONTENT[:300_000])
    frames = shown(Terminal(), tmp_path / 'two').split('\r')
    assert frames[-1].startswith('plain: 100%')
    assert '768k/768k' in frames[-1]
    assert 'B/s' in frames[-1]
    assert any(' 39%' in frame and '300k/768k' in frame for frame in frames)  # it goes on where it was
