"""The command ``gluon-bn benchmark``, from a checkout of the project."""
from _checkout import run

if __name__ == '__main__':
    run('benchmark')
