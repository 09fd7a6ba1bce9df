"""Fuzzing of what reads files from elsewhere: data sets, checkpoints, configurations, results, answers to exercises.

Atheris (``pip install atheris``; it is there for Linux and Python 3.11 to 3.13) alters files that are right, sees which
lines of the package they reach, and goes on from those that reach new ones. A reader must give an answer, or refuse the
file with its own error; anything else is a fault, and the file that brought it on is kept and named. Needs no MXNet.

Exit status: 0 no fault; 1 a fault; 2 bad arguments, or no atheris (one line on standard error).
"""
import argparse
import bz2
import contextlib
import dataclasses
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import namedtuple
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Target = namedtuple('Target', 'read error seeds')
Target.__doc__ = "``read(path)`` reads a file and may raise ``error``; each content of ``seeds`` is one that is right."


def targets():
    """The readers by name, each a :class:`Target`."""
    from gluon_bn import params
    from gluon_bn.data import DataError, cifar10, idx
    from gluon_bn.exchange import saved as saved_networks
    from gluon_bn.exercises import catalog, notebooks, submissions
    from gluon_bn.run import checkpoint
    from gluon_bn.run import configuration as config
    from gluon_bn.studies import study
    from gluon_bn.support.reading import content

    exercise = catalog.find('1')
    images, labels = idx_file((2, 28, 28), bytes(28 * 28 * 2)), idx_file((9,), bytes(range(9)))
    records = (b'\7' + bytes(3072)) * 2
    job = {'job': {'seed': 0}, 'data': 'right'}
    saved, arrays, description = solver_checkpoint()
    configuration = {**dataclasses.asdict(config.Config()), 'environment': {}}
    return {
        'idx-images': Target(idx.read_images, DataError, compressed(images)),
        'idx-labels': Target(idx.read_labels, DataError, compressed(labels)),
        'idx-labels-gzipped': Target(partial(gzipped, idx.read_labels), DataError, [labels]),
        'cifar10-records': Target(cifar10.read_records, DataError, compressed(records)),
        'cifar10-archive': Target(partial(cifar10.load_cifar10, False), DataError,
                                  compressed(archive('test_batch.bin', records))),
        'compressed': Target(partial(content, error=ValueError, most=10**6), ValueError, compressed(bytes(100))),
        'checkpoint': Target(checkpoint.load, checkpoint.CheckpointError, [saved]),
        'solver': Target(partial(resume_solver, arrays), checkpoint.CheckpointError,
                         [json.dumps(description).encode()]),
        'config': Target(lambda path: config.read_config(path.parent), config.RunError,
                         [json.dumps(configuration).encode()]),
        'job': Target(partial(study.read_result, description=job['job'], fingerprint='right'), DataError,
                      [json.dumps(job).encode()]),
        'progress': Target(partial(exercise_state, exercise), (), [progress_file(exercise)]),
        'notebook': Target(notebooks.script_of, notebooks.NotAnAnswer,
                           [notebooks.skeleton_notebook(exercise).encode()]),
        'params': Target(params.load, ValueError, [params_file()]),
        'symbol': Target(saved_networks.read, ValueError, [symbol_file()]),
        'submissions': Target(partial(unpacked, exercise), submissions.NoSubmissions,
                              [zipped(f'ada/{exercise.name}.py', b'pass')])}


# ---- readers that need more than a path ------------------------------------------------------------------------------

def gzipped(read, path):
    """Read the file after it was compressed: the fuzzer does not find its way through a wrong sum of bytes."""
    path.write_bytes(gzip.compress(path.read_bytes(), 1))
    return read(path)


def resume_solver(arrays, path):
    """Go on from a checkpoint whose description is that of the file, with a digest that is right."""
    from gluon_bn import Solver
    from gluon_bn.run import checkpoint
    try:
        description = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    checkpoint.save(path, arrays, description)
    Solver.resume(path, *solver_arguments())


def exercise_state(exercise, path):
    """What is known of an answer, from the file where it is kept."""
    from gluon_bn.exercises import progress
    (path.parent / f'{exercise.name}.py').write_bytes(b'pass')
    path.replace(path.with_name(progress.FILE_NAME))
    return progress.state(exercise, path.parent)


def unpacked(exercise, path):
    """The submissions in a zip."""
    from gluon_bn.exercises import submissions
    with submissions.opened(path) as folder:
        return submissions.find_submissions(folder, [exercise])


# ---- files that are right --------------------------------------------------------------------------------------------

def solver_arguments():
    """A small model and data for it."""
    import numpy as np

    from gluon_bn import FullyConnectedNet
    X, y = np.eye(4, 3), np.arange(4) % 2
    net = FullyConnectedNet([3], input_dim=3, num_classes=2, normalization='batchnorm', seed=0)
    return net, {'X_train': X, 'y_train': y, 'X_val': X, 'y_val': y}


def params_file():
    """MXNet's file of a dense array and two sparse ones."""
    import numpy as np

    from gluon_bn import params
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'file'
        ones = np.ones((1, 2), 'f')
        params.save(path, {'arg:w': ones, 'rows': params.RowSparse((4, 2), np.array([3]), ones),
                           'csr': params.CSR((1, 4), np.array([0, 2]), np.array([1, 3]), ones[0])})
        return path.read_bytes()


def symbol_file():
    """MXNet's file of a small network."""
    return json.dumps({
        'nodes': [{'op': 'null', 'name': 'data', 'inputs': []}, {'op': 'null', 'name': 'w', 'inputs': []},
                  {'op': 'BatchNorm', 'name': 'bn', 'param': {'eps': '1e-3'}, 'inputs': [[0, 0], [1, 0], [1, 0]]},
                  {'op': 'SoftmaxOutput', 'name': 'out', 'attr': {'multi_output': 'True'},
                   'inputs': [[2, 0], [1, 0, 0]]}],
        'heads': [[3, 0]], 'attrs': {'mxnet_version': ['int', 800]}}).encode()


def solver_checkpoint():
    """``(bytes, arrays, description)`` of a Solver's checkpoint."""
    from gluon_bn import Solver
    from gluon_bn.run import checkpoint
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'solver.npz'
        Solver(*solver_arguments(), update_rule='adam', num_epochs=2, batch_size=2, seed=0, verbose=False,
               progress=False, checkpoint_name=path).train()
        return (path.read_bytes(), *checkpoint.load(path))


def progress_file(exercise):
    """What is kept of an answer that was checked."""
    from hashlib import sha256
    return json.dumps({exercise.name: {'sha256': sha256(b'pass').hexdigest(), 'passed': 1, 'of': 2}}).encode()


def idx_file(sizes, values):
    """An IDX file of unsigned bytes."""
    return b''.join(number.to_bytes(4, 'big') for number in (0x0800 + len(sizes), *sizes)) + values


def compressed(data):
    """The file as it is, and compressed in each way."""
    return [data, gzip.compress(data), bz2.compress(data), lzma.compress(data)]


def archive(name, data):
    """A tar archive with one file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as tar:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def zipped(name, data):
    """A zip with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr(name, data)
    return file.getvalue()


# ---- the fuzzing -----------------------------------------------------------------------------------------------------

def try_file(target, data):
    """Let ``target`` read a file with the bytes ``data``, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'config.json'  # only a configuration has a name
        path.write_bytes(data)
        with contextlib.suppress(target.error):
            target.read(path)


def fuzz(name, options):
    """Fuzz one target in this process, which does not come back."""
    import atheris
    with atheris.instrument_imports(include=['gluon_bn', 'zipfile', 'tarfile'], enable_loader_override=False):
        target = targets()[name]
    corpus = Path(options.corpus) / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f'seed-{number}').write_bytes(seed)
    atheris.Setup(['fuzz', str(corpus), f'-max_total_time={options.seconds}', '-timeout=20', '-rss_limit_mb=2048',
                   '-max_len=8192', f'-artifact_prefix={corpus}-fault-', '-verbosity=0', '-print_final_stats=1'],
                  partial(try_file, target))
    atheris.Fuzz()


def main(argv=None):
    """Fuzz each target in a process of its own; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('targets', nargs='*', metavar='TARGET', help="what to fuzz (default: all)")
    parser.add_argument('--list', action='store_true', help="print the targets")
    parser.add_argument('--seconds', type=int, default=60, metavar='S', help="for each target (default: 60)")
    parser.add_argument('--corpus', metavar='DIR',
                        help="keep the files that reach new lines in DIR, and go on from them (default: a new folder)")
    parser.add_argument('--here', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.here:
        fuzz(options.targets[0], options)
    names = list(targets())
    unknown = sorted(set(options.targets) - set(names))
    if unknown or options.seconds < 1:
        print(f"fuzz: expected targets of {', '.join(names)}, and at least 1 second.", file=sys.stderr)
        return 2
    if options.list:
        print(*names, sep='\n')
        return 0
    try:
        import atheris  # noqa: F401 - only whether it is there
    except ImportError:
        print(f"fuzz: atheris is not installed; get it with: {sys.executable} -m pip install atheris", file=sys.stderr)
        return 2
    corpus = Path(options.corpus or tempfile.mkdtemp(prefix='gluon_bn_fuzz_')).resolve()
    faults = [name for name in options.targets or names if found_fault(name, options.seconds, corpus)]
    print(f"Faults in: {', '.join(faults)}" if faults else "No fault.")
    return int(bool(faults))


def found_fault(name, seconds, corpus):
    """Whether fuzzing found a fault, which is printed with the name of its file."""
    result = subprocess.run([sys.executable, __file__, name, '--here', '--seconds', str(seconds), '--corpus',
                             str(corpus)], capture_output=True, text=True, errors='replace')
    tried = [line for line in result.stderr.splitlines() if 'number_of_executed_units' in line]
    print(f"{name}: {tried[0].split()[-1] if tried else 'no'} files in {seconds} s, status {result.returncode}",
          flush=True)
    if result.returncode:
        print((result.stdout + result.stderr)[-5000:], flush=True)
    return result.returncode != 0


if __name__ == '__main__':
    sys.exit(main())
