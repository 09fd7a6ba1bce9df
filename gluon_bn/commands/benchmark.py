"""Times of gluon_bn beside its peers: the layer alone, a training iteration, an epoch with evaluation.

Peers are all that are installed: the notebook's formulation, gluon_bn plain and fast, Gluon's own layers, PyTorch, JAX.
"""
import argparse
import json
import subprocess
import sys

from ..support.command_line import Parser, demand_at_least_one, loading, main_of, whole_number
from ..support.subprocesses import environment

OURS = 'gluon_bn fast'
LEVELS = ('layer', 'iteration', 'epoch')


def work(options):
    """Measure and report; returns 0."""
    with loading('benchmark'):
        from ..data import load
        from ..fast.native import native_status
        from ..studies.benchmarks import measure, report
        from ..studies.benchmarks.contestants import installed
        from ..studies.machine import describe_machine
        from ..support.files import atomic_write
    demand_at_least_one(repeats=options.repeats, epoch_repeats=options.epoch_repeats)
    contestants = installed(options.peers)
    images, labels = load('mnist')
    if options.child:  # one figure of one contestant, in a process of its own
        print(child(options, contestants[0], images, labels))
        return 0
    if OURS not in [c.name for c in contestants]:
        raise ValueError(f"--peers must name {OURS!r}: the ratios are to it")
    print(f"{describe_machine()}\n{native_status()}\n", flush=True)
    repeats, levels, accuracy = options.repeats, {}, {}
    if 'layer' in options.levels:
        levels.update(measure.layers(contestants, [(4, 3, 6, 6), (8, 5)] if options.quick else measure.SHAPES, repeats,
                                     0 if options.quick else 0.05))
    if 'iteration' in options.levels:
        levels.update(measure.iterations(contestants, images, labels, 64, repeats, 0 if options.quick else 0.2))
    if 'epoch' in options.levels:
        used = 256 if options.quick else len(images)
        times, accuracy = measure.epochs(contestants, (images[:used], labels[:used]),
                                         [a[:256] if options.quick else a for a in load('mnist', train=False)], 64,
                                         options.epoch_repeats)
        levels.update(times)
    memory = {c.name: in_child('memory', c.name, options.quick) for c in contestants}
    print(report.table(levels, OURS, accuracy, memory), report.overview(levels, OURS), sep='\n\n')
    if options.json:
        with atomic_write(options.json, 'w') as file:
            json.dump({'machine': describe_machine(), 'native': native_status(), 'accuracy': accuracy,
                       'peak_memory_mb': memory, 'levels': report.summary(levels, OURS)}, file, indent=1)
    if options.plot:
        report.bar_chart(levels, OURS, options.plot)
    if options.scaling:
        draw_scaling(options)
    return 0


def draw_scaling(options):
    """The picture of how cost grows with batch, channels and threads."""
    with loading('benchmark'):
        from ..studies.benchmarks import measure, peers, report
        from ..support.threads import physical_cores
    threads = {n: in_child('iteration', OURS, options.quick, n) for n in range(1, physical_cores() + 1)}
    ours, gluon = peers.GluonBN('fast'), peers.Gluon(False)
    report.growth_picture(measure.growth(ours, gluon, options.quick), threads, (ours.name, 'nd.BatchNorm'),
                          options.scaling)


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('--levels', nargs='+', choices=LEVELS, default=LEVELS, help="what to measure (default: all)")
    p.add_argument('--peers', nargs='+', metavar='NAME', help="contestants by name (default: all that are installed)")
    p.add_argument('--repeats', type=whole_number, default=11, help="of layers and iterations (default: 11)")
    p.add_argument('--epoch-repeats', type=whole_number, default=3, help="of epochs (default: 3)")
    p.add_argument('--json', metavar='FILE', help="write the numbers to FILE")
    p.add_argument('--plot', metavar='FILE', help="draw a bar chart to FILE (.png, .svg, .pdf)")
    p.add_argument('--scaling', metavar='FILE', help="draw how cost grows with batch, channels and threads to FILE")
    p.add_argument('--quick', action='store_true', help="tiny sizes: to see that it runs, not to learn how quick")
    p.add_argument('--child', choices=('memory', 'iteration'), help=argparse.SUPPRESS)
    return p


def child(options, contestant, images, labels):
    """The figure that a parent asked for."""
    from ..studies.benchmarks import measure, report
    if options.child == 'memory':
        return measure.peak_memory(contestant, images, labels, 64, 2 if options.quick else 20)
    times = measure.iterations([contestant], images, labels, 64, options.repeats, 0 if options.quick else 0.2)
    return report.summary(times, contestant.name).popitem()[1][contestant.name]['median'] * 1e3


def in_child(figure, name, quick, threads=None):
    """A figure of one contestant from a process of its own, with so many threads."""
    done = subprocess.run([sys.executable, '-m', 'gluon_bn', 'benchmark', '--child', figure, '--peers', name,
                           '--repeats', '5', *(['--quick'] if quick else [])], check=True, stdout=subprocess.PIPE,
                          env=environment(**({'OMP_NUM_THREADS': str(threads)} if threads else {})), text=True,
                          timeout=600)
    return float(done.stdout)


main = main_of(parser, work)
