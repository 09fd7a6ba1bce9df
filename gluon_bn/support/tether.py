"""Processes that end with their parent, whatever ends it, a kill included.

``command_of(module, ...)`` is the command line of such a process. It runs this module as a program, which ties itself
to the parent first and then runs ``module``. With ``with_children=True`` a small process stays between the two, which
ends everything in the process group when the parent is gone.

On Linux the kernel ends the process at that moment (``prctl``). On every system a thread looks, each half second,
whether the parent is still the same one.
"""
import ctypes
import os
import runpy
import signal
import sys
import threading
import time

_SECONDS_BETWEEN_LOOKS = 0.5
_PR_SET_PDEATHSIG = 1
_SYNCHRONIZE = 0x00100000  # Windows: the right to wait for a process


def command_of(module, *arguments, with_children=False):
    """The command line that runs ``module`` as a program that ends with this process.

    The parent is the *thread* that starts it, on Linux: that must live as long as the process is wanted.
    ``with_children=True`` ends also what the program has started; start it with ``start_new_session=True`` then.
    """
    how = 'group' if with_children and hasattr(os, 'fork') else 'process'
    return [sys.executable, '-m', 'gluon_bn.support.tether', how, str(os.getpid()), module, *map(str, arguments)]


def end_with(parent, at_once=True):
    """End this process when the process ``parent``, which has started it, is gone; at once if it is gone already.

    ``at_once=False`` leaves the kernel out of it, for a process that was started by a thread that ends before it.
    """
    if at_once and sys.platform.startswith('linux'):
        try:
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        except (OSError, AttributeError):
            pass  # the thread remains
    if _gone(parent):  # between the start of this process and now
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def limit_cpu(seconds):
    """Let this process end, on systems that have such a limit, when it has used so many more seconds of CPU time.

    All its threads count together; a limit that is lower already stays.
    """
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or limit < hard:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        except (OSError, ValueError, OverflowError):
            pass  # some systems refuse it


def _gone(parent):
    return os.getppid() != parent


def _watch(parent):
    if os.name == 'nt':  # there the number of the parent stays what it was
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, parent)
        if not handle:
            return
        kernel.WaitForSingleObject(handle, -1)
    else:
        while not _gone(parent):
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _stand_between(parent):
    """Fork: return in the child, which goes on; the process itself stays, and ends the group when its time has come.

    It comes when the parent is gone. When the child has ended the process ends as the child did. A fork is safe here:
    nothing is loaded yet, and there is one thread.
    """
    guardian, child = os.getpid(), os.fork()
    if child == 0:
        end_with(guardian)
        return
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if _gone(parent):
            if os.getpgrp() == guardian:
                os.killpg(guardian, signal.SIGKILL)
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:  # which cannot be handled, and so needs no default
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(guardian, os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def main(how, parent, module, *arguments):
    """Tie this process to ``parent`` and run ``module`` with ``arguments``."""
    if how == 'group':
        _stand_between(int(parent))
    else:
        end_with(int(parent))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name='__main__', alter_sys=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
