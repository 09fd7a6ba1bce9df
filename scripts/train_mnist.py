"""The command ``gluon-bn train``, from a checkout of the project."""
from from_checkout import run

if __name__ == '__main__':
    run('train')
