"""Several workers that train one network: what a worker knows of the others, how they are started and watched.

``group`` is the seam: whatever needs the other workers asks a ``Group``, behind which MPI stands, or threads of this
process, or nobody else. Layers and networks get theirs as an argument. It uses ``_mxnet`` and ``support``.
"""
