"""How far the knobs of LeNet can be turned: ``run`` is one training, ``claims`` judges, ``report`` shows."""
