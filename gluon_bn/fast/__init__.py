"""The quick path of batch norm, LeNet, the loss and SGD on a CPU: C++ operators, and MXNet's quickest without them.

It uses ``_mxnet``, ``checks`` and ``support``. What stands beside the formula asks it, and gets None where it does not
apply.
"""
