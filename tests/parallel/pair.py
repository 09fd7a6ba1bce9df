"""Ranks that are processes, without MPI: ``run(size, work, *arguments)``."""
import multiprocessing

import numpy as np

from gluon_bn.parallel.group import Group


class ByPipes(Group):
    """A rank with a pipe to each other one."""

    def __init__(self, rank, pipes):
        self.rank, self.size, self._pipes = rank, len(pipes) + 1, pipes

    def _allgather(self, mine):
        return np.stack([mine if other == self.rank else self._swap(other, mine) for other in range(self.size)])

    def _alltoall(self, parts):
        return np.stack([parts[other] if other == self.rank else self._swap(other, parts[other])
                         for other in range(self.size)])

    def _swap(self, other, mine):
        """The lower rank speaks first, so that two large messages do not wait for each other."""
        pipe = self._pipes[other]
        if self.rank < other:
            pipe.send_bytes(mine.tobytes())
        theirs = np.frombuffer(pipe.recv_bytes(), np.uint8)
        if self.rank > other:
            pipe.send_bytes(mine.tobytes())
        return theirs


def _be_a_rank(work, rank, pipes, answers, arguments):
    answers.send(work(ByPipes(rank, pipes), *arguments))


def run(size, work, *arguments):
    """The list of ``work(group, *arguments)`` of so many processes; ``work`` is a function of a module."""
    spawn = multiprocessing.get_context('spawn')
    pipes = [{} for _ in range(size)]
    for rank in range(size):
        for other in range(rank):
            pipes[rank][other], pipes[other][rank] = spawn.Pipe()
    answers = [spawn.Pipe(duplex=False) for _ in range(size)]
    processes = [spawn.Process(target=_be_a_rank, args=(work, rank, pipes[rank], answers[rank][1], arguments))
                 for rank in range(size)]
    for process in processes:
        process.start()
    try:
        for mine in (*(pipe for rank in pipes for pipe in rank.values()), *(sender for _, sender in answers)):
            mine.close()  # so that the end of a process is the end of what it would say
        found = []
        for rank, (receiver, _) in enumerate(answers):
            if not receiver.poll(200):
                raise TimeoutError(f"rank {rank} says nothing")
            found.append(receiver.recv())
        return found
    finally:
        for process in processes:
            process.kill()
            process.join()
