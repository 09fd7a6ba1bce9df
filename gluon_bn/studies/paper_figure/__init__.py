"""Figure 1 of Ioffe and Szegedy (2015): a sigmoid MLP on MNIST with batch norm and without.

``training`` is one training and what is looked at on the way, ``events`` writes it for TensorBoard, ``experiments``
says what the figure needs, and ``report`` draws and judges. It uses ``SigmoidMLP``,
the optimisers, ``run`` and ``data``.
"""
from pathlib import Path

from ...support.extras import import_extra
from ..study import Study, load_mnist, run
from .events import events_folder, train_recorded, write_scalars
from .experiments import EXPERIMENTS, QUICK
from .report import draw, numbers, paper_claims, remarks, summary, table
from .training import Digits, Job, cost, words

STUDY = Study('paper_figure', Job, load_mnist, train_recorded, words, cost, EXPERIMENTS, QUICK, summary,
              {'paper_figure': {'paper_figure': draw}}, {'paper_figure': paper_claims}, numbers, prepare=Digits,
              table=table, remarks=remarks)


def run_recorded(folder, jobs, data_dir=None, processes=None, report=print, *, events):
    """As :func:`gluon_bn.studies.study.run`; each training is also a run in ``events``, a folder for TensorBoard.

    Of one that was done before, its scalars alone. Raises also ``ImportError`` without tensorboardX.
    """
    import_extra('tensorboardX', 'tensorboard')
    Path(events).mkdir(parents=True, exist_ok=True)
    results = run(STUDY, folder, jobs, data_dir, processes, report, events=str(Path(events).resolve()))
    for job, result in zip(jobs, results):
        write_scalars(events_folder(events, job), job, result['records'])
    return results
