"""What ``pyproject.toml`` cannot say because it is computed: the requirements, and the packages.

``pip install .`` takes the CPU build of MXNet, ``GLUON_BN_MXNET=cu117 pip install .`` one for NVIDIA's GPUs.
"""
import os
import sys

from setuptools import find_namespace_packages, setup

# GPU builds of MXNet are distributions of their own, named after their CUDA version. They come without
# NVIDIA's libraries; these are on PyPI too, and gluon_bn/_mxnet/ loads them before it loads MXNet.
MXNET_BUILDS = ("cpu", "cu112", "cu116", "cu117")
NVIDIA_LIBRARIES = ["nvidia-cuda-runtime-cu11", "nvidia-cuda-nvrtc-cu11", "nvidia-cublas-cu11", "nvidia-cudnn-cu11<9",
                    "nvidia-cufft-cu11", "nvidia-curand-cu11", "nvidia-cusolver-cu11", "nvidia-cusparse-cu11",
                    "nvidia-nccl-cu11", "nvidia-nvtx-cu11"]
WHERE_MXNET_RUNS = 'sys_platform == "linux" and platform_machine == "x86_64"'


def mxnet_requirements(build):
    """The requirements of one of ``MXNET_BUILDS``.

    From Python 3.13 on pip cannot take MXNet itself: it is pinned to NumPy 1, which has no builds for them, though it
    runs with NumPy 2 here. There ``pip install --no-deps mxnet==1.9.1`` is a second command, and what else MXNet
    needs is required here. pykdtree and scipy-openblas32 are never imported: their wheels hold GCC's libraries, which
    a small Linux lacks (``gluon_bn/_mxnet/runtime_libraries.py``); on older Pythons NumPy's own wheel holds the other.
    """
    if build not in MXNET_BUILDS:
        sys.exit(f"GLUON_BN_MXNET is {build!r}; expected one of {', '.join(MXNET_BUILDS)}.")
    mxnet = "mxnet==1.9.1" if build == "cpu" else f"mxnet-{build}==1.9.1"
    before, since = (f'{WHERE_MXNET_RUNS} and python_version {sign} "3.13"' for sign in ("<", ">="))
    return [f"{mxnet}; {before}",
            f"requests>=2.20,<3; {since}",
            f"graphviz>=0.8.1,<0.9; {since}",
            f'setuptools; {WHERE_MXNET_RUNS} and python_version >= "3.12"',  # it brings distutils, which Python dropped
            f'pykdtree>=1.3.5; {WHERE_MXNET_RUNS} and python_version < "3.15"',
            f"scipy-openblas32==0.3.31.22.1; {since}",
            *(f"{library}; {WHERE_MXNET_RUNS}" for library in NVIDIA_LIBRARIES if build != "cpu")]


# Files for people to read live in tutorials/; an installed package brings them along.
FROM_TUTORIALS = {"gluon_bn.exercises.tasks": "tutorials/exercises", "gluon_bn.commands.tutorial_files": "tutorials"}

setup(
    license="Apache-2.0",  # here, because setuptools for Python 3.8 and today's do not read the same in pyproject.toml
    packages=[*find_namespace_packages(include=["gluon_bn*"], exclude=["*__pycache__*"]), *FROM_TUTORIALS,
              *(f"gluon_bn.exercises.tasks.{folder}"
                for folder in find_namespace_packages("tutorials/exercises", exclude=["*__pycache__*"])),
              "gluon_bn.commands.tutorial_files.images"],
    package_dir=FROM_TUTORIALS,
    install_requires=['numpy>=1.20; python_version < "3.13"', 'numpy>=2.1; python_version >= "3.13"',
                      "matplotlib>=3.5", "tqdm", *mxnet_requirements(os.environ.get("GLUON_BN_MXNET", "cpu"))],
)
