"""Description of the processor, as Linux gives it."""
import platform


def processor_lines(*names):
    """What ``/proc/cpuinfo`` says under these names, each line once, sorted; if nothing, a line with the architecture.

    >>> [line.split(':')[0].strip() for line in processor_lines('model name')]
    ['model name']
    """
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            lines = sorted({line for line in file if line.startswith(names)})
    except OSError:  # not Linux
        lines = []
    return lines or [f'model name: {platform.machine()}']
