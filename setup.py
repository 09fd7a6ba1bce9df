"""Install gluon_bn: ``pip install .``, or with a GPU build of MXNet ``GLUON_BN_MXNET=cu117 pip install .``"""
import os
import re
import sys

from setuptools import find_packages, setup

# Said here because pip reads python_requires too late: on Python 3.13 it first tries to compile an old NumPy.
if not (3, 8) <= sys.version_info[:2] < (3, 13):
    sys.exit("gluon_bn needs Python 3.8 to 3.12 (MXNet 1.9.1 and its NumPy have nothing newer), and this is Python "
             f"{sys.version.split()[0]}: choose another interpreter.")

# GPU builds of MXNet are distributions of their own, named after their CUDA version. They come without
# NVIDIA's libraries; these are on PyPI too, and gluon_bn/_mxnet.py loads them before it loads MXNet.
MXNET_BUILDS = ("cpu", "cu112", "cu116", "cu117")
NVIDIA_LIBRARIES = ["nvidia-cuda-runtime-cu11", "nvidia-cuda-nvrtc-cu11", "nvidia-cublas-cu11", "nvidia-cudnn-cu11<9",
                    "nvidia-cufft-cu11", "nvidia-curand-cu11", "nvidia-cusolver-cu11", "nvidia-cusparse-cu11",
                    "nvidia-nccl-cu11", "nvidia-nvtx-cu11"]


def mxnet_requirements(build):
    """The requirements of one of ``MXNET_BUILDS``."""
    if build not in MXNET_BUILDS:
        sys.exit(f"GLUON_BN_MXNET is {build!r}; expected one of {', '.join(MXNET_BUILDS)}.")
    return ["mxnet==1.9.1"] if build == "cpu" else [f"mxnet-{build}==1.9.1", *NVIDIA_LIBRARIES]


def read(*path):
    """The text of one of the project's files."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), *path), encoding="utf-8") as file:
        return file.read()


EXTRAS = {
    "tensorboard": ["tensorboardX"],
    "scikit-learn": ["scikit-learn"],
    "notebooks": ["jupytext", "nbclient", "nbformat", "ipykernel"],
}
EXTRAS["test"] = ["pytest", "pytest-xdist", "hypothesis", "ruff", "setuptools", "tensorboard",
                  *EXTRAS["tensorboard"], *EXTRAS["scikit-learn"], *EXTRAS["notebooks"]]

setup(
    name="gluon_bn",
    version=re.search(r'^__version__ = "(.+)"', read("gluon_bn", "__init__.py"), re.M).group(1),
    description="Batch normalization from scratch on Apache MXNet",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=[*find_packages(include=["gluon_bn", "gluon_bn.*"]), "gluon_bn.exercises.tasks"],
    # The exercises are files for people to read, so they live in tutorials/; an installed package brings them along.
    package_dir={"gluon_bn.exercises.tasks": "tutorials/exercises"},
    package_data={"gluon_bn.data": ["mnist/*.gz", "mnist/README.md", "cifar10/*.gz", "cifar10/README.md"],
                  "gluon_bn.native": ["*.cc", "*.h", "openmp/*.h", "exports.map", "prebuilt/*"],
                  "gluon_bn.exercises.tasks": ["*.md", "*/*.py"]},
    python_requires=">=3.8,<3.13",
    install_requires=[*mxnet_requirements(os.environ.get("GLUON_BN_MXNET", "cpu")),
                      "numpy>=1.20,<2",
                      "matplotlib>=3.5",
                      "tqdm",
                      'setuptools; python_version >= "3.12"'],  # MXNet imports distutils, which Python 3.12 dropped
    extras_require=EXTRAS,
    classifiers=["License :: OSI Approved :: Apache Software License",
                 "Operating System :: POSIX :: Linux",
                 *(f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 13))],
)
