"""The GNU libraries that MXNet links to, taken from Python packages where the system has none: ``preload``.

MXNet's wheel needs ``libgomp.so.1`` and ``libquadmath.so.0`` of the system, and a small Linux has neither. Wheels of
other projects bring them along under names of their own (``libgomp-870cb1d0.so.1.0.0``, inside the file as well), where
MXNet does not find them. So a copy gets the plain name again, in a private folder that goes as soon as it is loaded.
Nothing of it stays on the disk, and no file that another user could write is loaded.

Both libraries are parts of GCC. Their licences (GPL 3 with the GCC Runtime Library Exception, LGPL 2.1) let them be
used by programs of any licence; gluon_bn brings no copy of them along: each comes with the package that it is in.
"""
import ctypes
import functools
import importlib.metadata
import platform
import struct
import sys
import tempfile
from base64 import urlsafe_b64encode
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

from ..support.invocation import installer

# The packages that bring a library along, those among gluon_bn's requirements first; and what setup.py requires.
DONORS = {"libgomp.so.1": ("pykdtree", "scikit-learn"), "libquadmath.so.0": ("scipy-openblas32", "numpy", "scipy")}
_PIP_PACKAGES = {"libgomp.so.1": "pykdtree", "libquadmath.so.0": "scipy-openblas32==0.3.31.22.1"}
SYSTEM_PACKAGES = {  # of Debian and Ubuntu, of Fedora
    "libgomp.so.1": ("libgomp1", "libgomp"), "libquadmath.so.0": ("libquadmath0", "libquadmath"),
    "libstdc++.so.6": ("libstdc++6", "libstdc++"), "libgcc_s.so.1": ("libgcc-s1", "libgcc")}


@functools.lru_cache(maxsize=1)
def preload():
    """Load, before MXNet does, what the system lacks; where each library comes from, for people to read.

    Returns ``{library: 'the system', a package and its version, or None if it is nowhere}``. Does nothing, and returns
    ``{}``, where MXNet has no wheel that needs these libraries. Raises nothing: what is missing, MXNet's own import
    will say, and ``advice`` what to do then.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return {}
    return {name: _load(name) for name in DONORS}


def advice(error):
    """What to do about an error that names a missing library, as one sentence, or None if it names none of these."""
    missing = [name for name in SYSTEM_PACKAGES if name in str(error) or name in DONORS and not _system_has(name)]
    if not any(name in str(error) for name in missing):
        return None
    debian, fedora = (" ".join(SYSTEM_PACKAGES[name][system] for name in missing) for system in (0, 1))
    pip = " ".join(_PIP_PACKAGES[name] for name in missing if name in DONORS)
    without_root = f"{installer()} {pip} (no root needed), or " if pip else ""
    return (f"MXNet needs {' and '.join(missing)}, and this machine has no such library: {without_root}"
            f"apt-get install {debian} (Debian, Ubuntu), or dnf install {fedora} (Fedora).")


def plainly_named(library, name):
    """The bytes of a shared library (ELF, 64 bits, little-endian) with ``name`` as its SONAME.

    The name is written over the old one, so it must not be longer: ``ValueError`` if it is, if there is no old one, or
    if this is no such library.
    """
    try:
        if library[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no ELF file of 64 bits")
        at = _soname_offset(library)
    except struct.error:
        raise ValueError("an ELF file that is cut off") from None
    old = library[at:library.index(b"\0", at)]
    new = name.encode()
    if len(new) > len(old):
        raise ValueError(f"its name {old.decode()} has no room for {name}")
    return library[:at] + new.ljust(len(old), b"\0") + library[at + len(old):]


def _soname_offset(library):
    """Where in the file the SONAME stands: program headers, the dynamic section, its string table."""
    table, = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", library, table + i * size) for i in range(count)]
    dynamic = {}
    for kind, _, offset, _, _, length, _, _ in headers:
        if kind == 2:  # PT_DYNAMIC
            dynamic.update(struct.unpack_from("<QQ", library, at) for at in range(offset, offset + length, 16))
    if not {5, 14} <= dynamic.keys():  # DT_STRTAB, DT_SONAME
        raise ValueError("a library without a name")
    for kind, _, offset, address, _, length, _, _ in headers:
        if kind == 1 and address <= dynamic[5] < address + length:  # PT_LOAD
            return offset + dynamic[5] - address + dynamic[14]
    raise ValueError("a library without a string table")


def _system_has(name):
    try:
        ctypes.CDLL(name)  # local: nobody else's symbols change; MXNet finds what is loaded by its name
    except OSError:
        return False
    return True


def _load(name):
    """Load one library from the system or from a package, and say from which."""
    if _system_has(name):
        return "the system"
    for package in DONORS[name]:
        try:
            _load_bytes(plainly_named(_copy_in(package, name), name), name)
        except (OSError, ValueError, LookupError, importlib.metadata.PackageNotFoundError):
            continue  # no such package, none in it, or not one for this machine: the next
        return f"{package} {importlib.metadata.version(package)}"
    return None


def _copy_in(package, name):
    """The library's bytes as the package brings them along, checked against the digest that the package states."""
    stem, version = name.split(".so.")
    for file in importlib.metadata.files(package) or ():
        if fnmatch(file.name, f"{stem}*.so.{version}*"):
            library = Path(file.locate()).read_bytes()
            digest = urlsafe_b64encode(sha256(library).digest()).decode().rstrip("=")
            if file.hash and file.hash.mode == "sha256" and file.hash.value != digest:
                raise ValueError(f"{file} is not as {package} installed it")
            return library
    raise LookupError(f"{package} has no {name}")


def _load_bytes(library, name):
    """Load a library from a folder that only this user can read, and remove the folder."""
    reasons = []
    for parent in (None, sys.prefix, Path.home()):  # the temporary folder, or, where nothing there may run, another
        try:
            with tempfile.TemporaryDirectory(prefix=".gluon_bn-", dir=parent) as folder:
                path = Path(folder) / name
                path.write_bytes(library)
                ctypes.CDLL(str(path))
                return
        except OSError as error:
            reasons.append(str(error))
    raise OSError("; ".join(reasons))
