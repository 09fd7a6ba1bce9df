"""The folder of a run: where its files are, its lock, and the reports that are written from the state."""
import json
from contextlib import ExitStack, contextmanager

from ..support.arguments import path as as_path
from ..support.files import FolderInUse, atomic_write, folder_locked, remove_leftovers, writing
from ..support.invocation import command_line
from .configuration import RunError
from .curves import plot_run


def checkpoint_of(path):
    """The checkpoint file that ``path`` means: that of a run's folder, or ``path`` itself."""
    path = as_path('path', path, "a run's folder, or of a checkpoint")
    return path / 'checkpoint' / 'latest.npz' if path.is_dir() else path


class RunFolder:
    """``config.json``, ``metrics.jsonl``, ``curves.png`` and ``checkpoint/latest.npz`` in one folder."""

    def __init__(self, path):
        self.path = as_path('folder', path, 'a folder')
        self.checkpoint = self.path / 'checkpoint' / 'latest.npz'
        self.config = self.path / 'config.json'

    def __str__(self):
        return str(self.path)

    def refuse_if_used(self):
        """``RunError`` if there is a run in the folder."""
        if self.config.exists():
            raise RunError(f"{self} already contains a run; choose another --output, or resume it with: "
                           f"{command_line('train', '--resume', self.path)}")

    def refuse_if_gone(self):
        """``RunError`` if the folder was deleted or moved: what is written from now on would be another run's."""
        if not self.config.exists():
            raise RunError(f"{self} was deleted or moved while the run trained in it; start again, or move it back and "
                           f"continue with --resume {self}.")

    def write_reports(self, config, state, batches_per_epoch):
        """Write metrics.jsonl and curves.png from the state."""
        with writing(self, RunError):
            with atomic_write(self.path / 'metrics.jsonl', 'w') as file:
                file.writelines(json.dumps(record) + '\n' for record in state.history)
            plot_run(self.path / 'curves.png', state.losses, batches_per_epoch, state.history,
                     f"LeNet {'with' if config.batch_norm else 'without'} batch norm on {config.dataset}, batch "
                     f"{config.batch_size}, learning rate {config.lr:g}, seed {config.seed}")

    @contextmanager
    def locked(self):
        """Hold the folder's lock, so that two processes never train in one folder; leftovers of a kill are removed."""
        with ExitStack() as held:
            try:
                with writing(self, RunError):
                    held.enter_context(folder_locked(self.path))
                    for folder in (self.path, self.checkpoint.parent):
                        remove_leftovers(folder)
            except FolderInUse:
                raise RunError(f"another process is training in {self}; wait for it, or choose another "
                               "--output.") from None
            yield
