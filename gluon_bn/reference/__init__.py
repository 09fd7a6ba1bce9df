"""Networks in NumPy alone, with every gradient by hand: what the rest of the package is compared with.

It uses ``support`` and nothing else of the package; MXNet is never imported.

The layers can be had from here: ``from gluon_bn.reference import batchnorm_forward``.
"""
from .layers import (
                     affine_backward,
                     affine_forward,
                     dropout_backward,
                     dropout_forward,
                     relu_backward,
                     relu_forward,
                     softmax_loss,
)
from .normalization import (
                     batchnorm_backward,
                     batchnorm_backward_alt,
                     batchnorm_forward,
                     layernorm_backward,
                     layernorm_forward,
                     spatial_batchnorm_backward,
                     spatial_batchnorm_forward,
                     spatial_groupnorm_backward,
                     spatial_groupnorm_forward,
)

__all__ = ['affine_backward', 'affine_forward', 'batchnorm_backward', 'batchnorm_backward_alt', 'batchnorm_forward',
           'dropout_backward', 'dropout_forward', 'layernorm_backward', 'layernorm_forward', 'relu_backward',
           'relu_forward', 'softmax_loss', 'spatial_batchnorm_backward', 'spatial_batchnorm_forward',
           'spatial_groupnorm_backward', 'spatial_groupnorm_forward']
