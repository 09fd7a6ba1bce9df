"""The command ``gluon-bn train``, from a checkout of the project."""
from _checkout import run

if __name__ == '__main__':
    run('train')
