"""Downloads over https: from the first mirror that works, resumed where one was cut off, checked before they count."""
import os
import ssl
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from ..support.locks import locked_alone
from ..support.reading import MOST_BYTES, regular_file, unpacked_file
from .idx import DataError

_TIMEOUT = 30  # seconds without a single byte
_CHUNK = 1 << 16


def download(urls, path, checksum, context=None, as_it_is=False,
             advice="get the four files yourself and pass their folder as data_dir."):
    """Bring a file to ``path`` from the first of ``urls`` that has it with the right content.

    Parameters
    ----------
    urls : https addresses of the same data; any other scheme is refused, also in a redirect
    path : where to; it appears there only when it is whole and checked. What has arrived so far waits beside it as
        ``<name>.part``, and the next call continues from there.
    checksum : the SHA-256 of the data, decompressed if they are gzipped
    as_it_is : True for a checksum of the file itself, not of its decompressed content
    advice : what to do if it cannot be downloaded, for the message
    context : ``ssl.SSLContext``, None for the default one, which verifies certificates

    Raises
    ------
    DataError : no address gave the right data; the message says what each one did
    """
    path = Path(path)
    part = path.with_name(path.name + '.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked_alone(path.with_name(f'.{path.name}.lock')):  # another process may be downloading the same file
            if path.exists():
                return
            failures = []
            for url in urls:
                with open(part, 'ab') as file:
                    failure = _fetch(url, file, part, checksum, context, as_it_is)
                if failure is None:
                    os.replace(part, path)  # after the file is closed: Windows would refuse it before
                    return
                failures.append(f"{url}: {failure}")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
    raise DataError(f"{path.name} could not be downloaded ({'; '.join(failures)}); {advice}")


def _fetch(url, file, part, checksum, context, as_it_is):
    """Complete ``file``, whose path is ``part``, from ``url``; None if its content is right, else what is wrong."""
    try:
        _append(url, file, context)
    except (OSError, urllib.error.URLError, ValueError) as error:
        return str(getattr(error, 'reason', None) or error)
    file.flush()
    os.fsync(file.fileno())
    try:
        found = _digest(part, regular_file if as_it_is else unpacked_file)
    except DataError:
        found = None
    if found != checksum:
        file.truncate(0)  # nothing of it can be used
        return "the content is not the expected one (SHA-256)"
    return None


def _digest(path, opened):
    """The SHA-256 of what ``opened`` gives of the file, no more than ``MOST_BYTES`` of it."""
    digest, left = sha256(), MOST_BYTES
    with opened(path, DataError) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b''):
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:
                raise DataError(f"{path} contains more than {MOST_BYTES:,} bytes.")
    return digest.hexdigest()


def _append(url, file, context):
    """Write the bytes of ``url`` that are not in ``file`` yet to its end."""
    from tqdm import tqdm  # only here: data that are on this machine need NumPy alone
    have = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(url, headers={'Range': f'bytes={have}-'} if have else {})
    if urlsplit(url).scheme != 'https':
        raise ValueError("only https addresses are used")
    opener = urllib.request.build_opener(
        _HttpsOnly, urllib.request.HTTPSHandler(context=context or ssl.create_default_context()))
    try:
        response = opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        if error.code == 416:  # nothing beyond what is here: it is whole, or wrong
            return
        raise
    with response:
        if have and response.status != 206:  # the server sends everything from the start
            file.truncate(0)
            have = file.seek(0)
        length = int(response.headers.get('Content-Length') or 0)
        with tqdm(total=have + length or None, initial=have, unit='B', unit_scale=True, disable=None,
                  desc=urlsplit(url).path.rsplit('/', 1)[-1]) as bar:
            for chunk in iter(lambda: response.read(_CHUNK), b''):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > MOST_BYTES:
                    file.truncate(0)
                    raise ValueError(f"it sends more than {MOST_BYTES:,} bytes")
        if length and file.tell() != have + length:
            raise ValueError(f"the connection broke after {file.tell():,} of {have + length:,} bytes")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follow redirects to https addresses only."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme != 'https':
            raise urllib.error.URLError(f"redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
