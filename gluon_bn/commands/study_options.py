"""Arguments that the commands for studies share, and what they do with them."""
from ..support.command_line import Parser, chosen, demand_at_least_one, folder, whole_number


def study_parser(prog, description, quick, seeds=None, output=None, default_output=None, data=None):
    """A parser with what each study's command has; ``quick`` and ``data`` are help, ``default_output`` a folder's."""
    p = Parser(prog=prog, description=description)
    p.add_argument('--seeds', type=whole_number, default=seeds, metavar='N',
                   help="trainings of each kind (default: 3)")
    p.add_argument('--quick', action='store_true', help=quick)
    if data:
        p.add_argument('--data-dir', type=folder, metavar='PATH', help=data)
    p.add_argument('--processes', type=whole_number, metavar='N', help="(default: one a physical core)")
    p.add_argument('--output', type=folder, default=output, metavar='DIR',
                   help=f"(default: {default_output or output})")
    return p


def conduct_study(study, options, names, data_dir=None, train=None, **changes):
    """Do the experiments ``names`` of ``study`` as the options say; returns 0 if every claim holds, otherwise 1.

    ``train`` is as for :func:`gluon_bn.studies.study.conduct`; ``changes`` are settings of the experiments that are to
    be other than usual.
    """
    from ..studies.study import conduct
    demand_at_least_one(seeds=options.seeds, processes=options.processes)
    seeds = (1 if options.quick else 3) if options.seeds is None else options.seeds
    output = options.output or f"runs/{study.name}{'_quick' if options.quick else ''}"
    experiments = {name: study.experiments[name](range(seeds), **{
        **(study.quick[name] if options.quick else {}), **changes}) for name in chosen(
            names, study.experiments, 'experiment')}
    verdicts = conduct(study, experiments, output, data_dir, options.processes, judged=not options.quick, train=train)
    print(f"Figures and numbers are in {output}")
    return 0 if all(all(claims.values()) for claims in verdicts.values()) else 1
