"""A watch over workers: :class:`Watch` knows within seconds that one has died or stopped; :class:`Link` is their end.

Whoever watches (the process that has started the workers, or rank 0) has a connection to each worker. Both ends send a
*beat* twice a second. A connection that closes is a process that has ended, whatever ended it: the kernel closes it. A
connection that is silent is a process, or a machine, that stands still. Messages are lines of JSON; the first one has a
token that only the workers of this job know.
"""
import json
import os
import secrets
import selectors
import socket
import threading
import time

from ..support.processes import is_stopped

BEAT = 0.5  # seconds between two signs of life
SILENCE = 7  # seconds without one, of a process on another machine, once it trains
STOPPED = 2  # seconds without one, of a process that the kernel of this machine calls stopped
HANGING = 120  # seconds without one, of a process that may load libraries, or that this machine's kernel says lives
MISSING = 120  # seconds until each worker must have joined
LONGEST = 1 << 16  # bytes of a message
WITHOUT_A_WORD = "has ended without a word: it was killed, or it crashed"
IS_STOPPED = "is stopped (SIGSTOP, or Ctrl-Z)"
CONNECTING = 10  # seconds until a connection must stand


class Watch:
    """Who watches the workers ``ranks``. ``look`` gives what they have said, and says which of them are lost.

    ``stopped()``, if it is given, is the set of the ranks whose processes are stopped: for those who have not joined.

    >>> watch = Watch([0])
    >>> link = Link(watch.hosts, watch.port, watch.token, 0, on_lost=print)
    >>> link.say(report='Hello')
    >>> heard = []
    >>> while not heard:
    ...     heard = watch.look(0.1)
    >>> heard
    [(0, {'report': 'Hello'})]
    >>> link.close()
    >>> watch.close()
    """

    def __init__(self, ranks, everywhere=False, stopped=set):
        self._missing, self._waited = set(ranks), 0
        self._stopped, self._seconds_stopped = stopped, {}
        self.token = secrets.token_hex(16)
        self._listener = socket.socket()
        self._listener.bind(('' if everywhere else '127.0.0.1', 0))
        self._listener.listen(len(self._missing))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.hosts = own_addresses() if everywhere else ['127.0.0.1']
        self.workers = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._ticked = time.monotonic()

    def look(self, seconds):
        """Wait up to so many seconds for something new: ``[(rank, message), ...]``.

        A message is what ``Link.say`` was given; ``{'lost': reason}`` is of a worker that is no more, once.
        """
        heard = []
        for wait in (seconds, 0):  # asked once more, Linux forgets who spoke last: it names first who closes first
            for key, _ in self._selector.select(wait):
                if key.data is None:
                    self._accept()
                else:
                    heard += self._read(key.data)
        now = time.monotonic()
        if now - self._ticked >= BEAT:
            self._ticked = now
            heard += self._tick()
        return heard

    def say(self, rank, **message):
        """Send a message to the worker ``rank``, if it is there."""
        if rank in self.workers:
            self.workers[rank].send(message)

    def describe(self, rank):
        """The worker by its rank, process and machine."""
        worker = self.workers.get(rank)
        return called(rank, worker.pid, worker.host) if worker else f"rank {rank}"

    def close(self):
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _accept(self):
        try:
            connection = _prompt(self._listener.accept()[0])
        except OSError:
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, _Connection(connection))

    def _read(self, worker):
        heard = []
        messages, open_ = worker.receive()
        for message in messages:
            if worker.rank is None and not self._admit(worker, message):
                open_ = False
                break
            worker.trains = worker.trains or 'trains' in message
            worker.has_left = worker.has_left or 'left' in message
            if not message.keys() & {'token', 'beat', 'trains', 'left'}:
                worker.has_failed = worker.has_failed or not message.get('everywhere', True)
                heard.append((worker.rank, message))
        if not open_:
            self._selector.unregister(worker.connection)
            worker.connection.close()
            worker.closed = True
            if worker.rank is not None and not (worker.has_failed or worker.has_left):
                worker.has_failed = True
                heard.append((worker.rank, {'lost': WITHOUT_A_WORD}))
        return heard

    def _admit(self, worker, message):
        if not secrets.compare_digest(str(message.get('token')), self.token):
            return False
        worker.rank, worker.pid, worker.host = (message[name] for name in ('rank', 'pid', 'host'))
        self.workers[worker.rank] = worker
        self._missing.discard(worker.rank)
        return True

    def _tick(self):
        """Send beats; what is silent is counted in ticks, so that a pause of this process accuses nobody."""
        heard = []
        self._waited += BEAT
        if self._waited > MISSING:  # before what is silent: that may wait for just these
            heard = [(rank, {'lost': f"has not joined the others within {MISSING} seconds"})
                     for rank in sorted(self._missing)]
            self._missing.clear()
        if self._missing:
            stopped = self._missing & self._stopped()
            self._seconds_stopped = {rank: self._seconds_stopped.get(rank, 0) + BEAT for rank in sorted(stopped)}
            heard += [(rank, {'lost': IS_STOPPED}) for rank, seconds in self._seconds_stopped.items()
                      if seconds > STOPPED]
            self._missing.difference_update(rank for rank, _ in heard)
        for rank, worker in self.workers.items():
            if worker.has_failed or worker.closed:
                continue
            worker.send({'beat': 1})
            worker.silent += BEAT
            why = _why_silent(worker.silent, worker.pid, worker.host, worker.trains)
            if why:
                worker.has_failed = True
                heard.append((rank, {'lost': why}))
        return heard


class _Connection:
    """One worker as its watch knows it."""

    def __init__(self, connection):
        self.connection = connection
        self.rank = self.pid = self.host = None
        self.silent, self._buffer = 0, b''
        self.trains = self.closed = False
        self.has_failed = False  # and whoever watches knows it
        self.has_left = False  # together with all others: nothing is lost when its connection closes

    def send(self, message):
        try:
            self.connection.send(json.dumps(message).encode() + b'\n')
        except OSError:
            pass  # reading tells why

    def receive(self):
        """The messages that have come, and whether the connection is still open."""
        messages = []
        for _ in range(2):  # what it has said and that it has closed, at once: who closes first is to blame
            try:
                data = self.connection.recv(LONGEST)
            except BlockingIOError:
                return messages, True
            except OSError:
                return messages, False
            self.silent = 0
            more, self._buffer = _messages(self._buffer + data)
            messages += more
            if not data or len(self._buffer) >= LONGEST:
                return messages, False
        return messages, True


class Link:
    """A worker's connection to its watch. A thread sends beats, and calls ``on_lost(reason)`` if the watch is gone.

    ``on_message(message)`` is called, in this thread, with what the watch says. ``watcher`` is the process that watches
    and its machine.
    """

    def __init__(self, hosts, port, token, rank, on_lost, on_message=None, watcher=(None, None)):
        self._socket = _connected(hosts, port)
        self._socket.settimeout(BEAT)
        self._watcher = watcher
        self._on_lost, self._on_message = on_lost, on_message or (lambda message: None)
        self._lock, self._closed = threading.Lock(), False
        self.leaving = False  # True: the end of the watch does not matter any more; the watch may say so itself
        self.trains = False
        self.say(token=token, rank=rank, pid=os.getpid(), host=socket.gethostname())
        threading.Thread(target=self._live, daemon=True).start()

    def say(self, **message):
        """Send a message."""
        try:
            with self._lock:
                self._socket.sendall(json.dumps(message).encode() + b'\n')
        except OSError:
            pass  # the thread sees it, too

    def say_that_it_trains(self):
        """All libraries are loaded: from now on silence means something."""
        self.trains = True
        self.say(trains=True)

    def close(self):
        """There is nothing more to say; the end of the watch does not matter from now on."""
        self._closed = True
        self._socket.close()

    def _live(self):
        silent, buffer, beaten = 0, b'', time.monotonic()
        while not self._closed:
            try:
                data = self._socket.recv(LONGEST)
                silent = 0
                if not data:
                    break
                messages, buffer = _messages(buffer + data)
                for message in messages:
                    self.leaving = self.leaving or 'left' in message
                    if not message.keys() & {'beat', 'left'}:
                        self._on_message(message)
            except socket.timeout:
                silent += BEAT
            except OSError:
                break
            why = _why_silent(silent, *self._watcher, self.trains)
            if why:
                self._lose(why)
                return
            if time.monotonic() - beaten >= BEAT:
                beaten = time.monotonic()
                self.say(beat=1)
        self._lose("has ended")

    def _lose(self, why):
        if not (self._closed or self.leaving):
            self._on_lost(why)


def _why_silent(seconds, pid, host, trains):
    """What is wrong with a process that has been silent for so long; None while it may just be slow.

    One that loads MXNet on a busy machine can say nothing for many seconds: its beats come from a thread of Python.
    """
    here = host == socket.gethostname()
    if seconds > STOPPED and here and is_stopped(pid):
        return IS_STOPPED
    limit = SILENCE if trains and not here else HANGING
    return f"has given no sign of life for {limit} seconds" if seconds > limit else None


def called(rank, pid, host):
    """A worker by its rank, which may be unknown, its process and its machine."""
    return f"{'a worker' if rank is None else f'rank {rank}'} (process {pid} on {host})"


def own_addresses():
    """What another machine may call this one: its name, and the addresses that its name stands for."""
    name = socket.gethostname()
    try:
        found = [address[4][0] for address in socket.getaddrinfo(name, None, socket.AF_INET)]
    except OSError:
        found = []
    return list(dict.fromkeys([name, *found]))


def _connected(hosts, port):
    errors = []
    for host in hosts:
        try:
            return _prompt(socket.create_connection((host, port), CONNECTING))
        except OSError as error:
            errors.append(f"{host}: {error.strerror or error}")
    raise ConnectionError("no connection to the process that watches over the workers, at port "
                          f"{port} ({'; '.join(errors)}); the machines of the job must reach each other by TCP.")


def _prompt(connection):
    """The connection, which sends each message at once: TCP keeps a second short one until the first has an answer, and
    what another worker says later would be heard before it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _messages(data):
    *lines, rest = data.split(b'\n')
    messages = []
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        messages.append(message if isinstance(message, dict) else {})
    return messages, rest
