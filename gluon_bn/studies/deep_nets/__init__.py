"""What batch norm does to deep nets, after cs231n: ``runs`` trains them, ``report`` shows and judges."""
