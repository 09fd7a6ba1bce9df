"""The command ``gluon-bn landscape``, from a checkout of the project."""
from _checkout import run

if __name__ == '__main__':
    run('landscape')
