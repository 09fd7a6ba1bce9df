"""The parts of :mod:`gluon_bn.experiments`: ``run`` is one training, ``claims`` judges, ``report`` shows."""
