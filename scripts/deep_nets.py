"""The command ``gluon-bn deep-nets``, from a checkout of the project."""
from _checkout import run

if __name__ == '__main__':
    run('deep-nets')
