"""The watch over workers: what it hears, whom it believes, and when somebody is lost."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from gluon_bn.parallel import watch as watching
from gluon_bn.parallel.watch import WITHOUT_A_WORD, Link, Watch
from gluon_bn.support.processes import is_stopped


@pytest.fixture
def watch():
    opened = Watch(range(2))
    yield opened
    opened.close()


@pytest.fixture
def link(watch):
    """A function that connects a rank."""
    links = []

    def connect(rank, on_lost=lambda why: None, **options):
        links.append(Link(watch.hosts, watch.port, watch.token, rank, on_lost, **options))
        return links[-1]
    yield connect
    for link in links:
        link.close()


def heard(watch, wanted=1):
    """The next messages."""
    found, deadline = [], time.monotonic() + 60
    while len(found) < wanted:
        assert time.monotonic() < deadline
        found += watch.look(0.1)
    return found


def test_what_workers_say_comes_in_order_with_their_rank(watch, link):
    one, two = link(0), link(1)
    for number in range(3):
        one.say(report=number)
    assert heard(watch, 3) == [(0, {'report': 0}), (0, {'report': 1}), (0, {'report': 2})]
    two.say(end=0)
    assert heard(watch) == [(1, {'end': 0})]
    assert watch.describe(1) == f'rank 1 (process {os.getpid()} on {socket.gethostname()})'
    assert watch.describe(7) == 'rank 7'


def test_what_one_says_first_is_heard_before_what_another_says_then(watch, link):
    one, two = link(0), link(1)
    while len(watch.workers) < 2:
        watch.look(0.1)
    in_order = 0
    for _ in range(20):
        watch.say(0, beat=1)  # after that the system waits before it confirms what comes from there
        time.sleep(0.01)
        for number in range(2):
            one.say(report=number)
        two.say(report=2)
        said = []
        while (1, {'report': 2}) not in said:
            said += watch.look(0.1)
        in_order += len(said) == 3
        heard(watch, 3 - len(said))
    assert in_order > 10  # on a busy machine, even what is sent at once may be late now and then


def test_what_the_watch_says_reaches_the_worker(watch, link):
    said = []
    link(1, on_message=said.append).say(report='here')
    heard(watch)
    watch.say(1, interrupt=True)
    watch.say(5, interrupt=True)  # who is not there
    deadline = time.monotonic() + 60
    while not said:
        assert time.monotonic() < deadline
        watch.look(0.1)
    assert said == [{'interrupt': True}]


@pytest.mark.parametrize('last', [{'report': ''}, {'end': 0, 'everywhere': True}], ids=['in between', 'at the end'])
def test_a_connection_that_closes_is_a_loss_unless_all_have_left_or_it_has_failed(last, watch, link):
    watch.close()
    watch.__init__(range(3))
    for rank, said in enumerate([{'end': 0, 'everywhere': True}, last, {'end': 2, 'everywhere': False}]):
        connected = link(rank)
        connected.say(**said)
        assert heard(watch) == [(rank, said)]
        if rank == 0:
            connected.say(left=True)
    while not watch.workers[0].has_left:
        assert watch.look(0.1) == []
    for rank in range(3):
        watch.workers[rank].connection.shutdown(socket.SHUT_RD)
    assert heard(watch) == [(1, {'lost': WITHOUT_A_WORD})]
    assert watch.look(0.1) == []  # once


def test_a_worker_whose_watch_has_left_with_all_others_does_not_miss_it(watch, link):
    lost, said = [], []
    one = link(1, on_lost=lost.append, on_message=said.append)
    one.say(report=1)
    heard(watch)
    watch.say(1, left=True)
    watch.close()
    deadline = time.monotonic() + 60
    while not one.leaving:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert (lost, said) == ([], [])
    watch.__init__(range(2))


def test_who_closes_first_is_lost_first_whatever_it_has_said_before(watch):
    with socket.create_connection(('127.0.0.1', watch.port)) as one, \
            socket.create_connection(('127.0.0.1', watch.port)) as other:
        for rank, connection in enumerate((one, other)):
            connection.sendall(b'{"token": "%s", "rank": %d, "pid": 1, "host": "x"}\n{"report": 1}\n'
                               % (watch.token.encode(), rank))
            assert heard(watch) == [(rank, {'report': 1})]
        one.sendall(b'{"beat": 1}\n')
        one.shutdown(socket.SHUT_WR)
        other.shutdown(socket.SHUT_WR)
        assert heard(watch, 2) == [(0, {'lost': WITHOUT_A_WORD}), (1, {'lost': WITHOUT_A_WORD})]


@pytest.mark.parametrize('first', [b'{"rank": 0, "pid": 1, "host": "x"}\n', b'{"token": "no", "rank": 0}\n', b'no\n',
                                   b'[1]\n', b'GET / HTTP/1.1\r\n\r\n', b'x' * (1 << 17)])
def test_a_stranger_is_not_let_in(first, watch, link):
    with socket.create_connection(('127.0.0.1', watch.port)) as stranger:
        try:
            stranger.sendall(first + b'{"end": 1}\n')
        except OSError:
            pass
        link(1).say(report='here')
        assert heard(watch) == [(1, {'report': 'here'})]
        assert list(watch.workers) == [1]


def test_who_comes_when_others_have_gone_is_heard(watch, link):
    strangers = []
    for _ in range(4):
        strangers.append(socket.create_connection(('127.0.0.1', watch.port)))
        watch.look(0.1)  # lets it in, up to its first words: few can wait at the door
    for stranger in strangers:
        stranger.sendall(b'no\n')
    for stranger in strangers:
        stranger.settimeout(0.01)
        deadline, refused = time.monotonic() + 60, False
        while not refused:
            assert time.monotonic() < deadline
            watch.look(0)
            try:
                refused = stranger.recv(1) == b''
            except socket.timeout:
                pass
            except ConnectionResetError:
                refused = True
    for rank in range(2):  # the system gives them the numbers of those who have gone
        link(rank).say(report=rank)
        assert heard(watch) == [(rank, {'report': rank})]
    for stranger in strangers:
        stranger.close()


def test_more_messages_than_are_read_at_once_come_whole_and_in_order(watch):
    with socket.create_connection(('127.0.0.1', watch.port)) as one:
        one.sendall(b'{"token": "%s", "rank": 0, "pid": 1, "host": "x"}\n' % watch.token.encode())
        while not watch.workers:
            watch.look(0.1)
        size = 4 * watching.LONGEST
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        lines = [b'{"report": %d, "more": "%s"}\n' % (number, b'x' * 1000) for number in range(size // 1000)]
        sending = threading.Thread(target=one.sendall, args=(b''.join(lines),))
        sending.start()
        said = heard(watch, len(lines))
        sending.join()
        assert [message['report'] for _, message in said] == list(range(len(lines)))
        assert watch.look(0) == []


def test_a_worker_that_trains_says_so_to_its_watch(watch, link):
    one, other = link(0), link(1)
    one.say_that_it_trains()
    for rank, connected in enumerate((one, other)):
        connected.say(report=1)
        assert heard(watch) == [(rank, {'report': 1})]
    assert [watch.workers[rank].trains for rank in range(2)] == [True, False]


def test_a_stopped_process_is_lost_and_a_slow_one_is_not(watch, monkeypatch):
    code = ("import sys, time; from gluon_bn.parallel.watch import Link; "
            "Link(['127.0.0.1'], int(sys.argv[1]), sys.argv[2], 0, print).say(report=1); time.sleep(600)")
    with subprocess.Popen([sys.executable, '-c', code, str(watch.port), watch.token]) as process:
        heard(watch)
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        (rank, message), = heard(watch)
        process.kill()
    assert (rank, message) == (0, {'lost': 'is stopped (SIGSTOP, or Ctrl-Z)'})
    assert not is_stopped(process.pid)


def test_silence_is_a_loss_and_a_pause_of_the_watch_is_none(watch, monkeypatch):
    monkeypatch.setattr(watching, 'SILENCE', 1)
    hello = (b'{"token": "%s", "rank": 0, "pid": 1, "host": "elsewhere"}\n{"trains": 1}\n{"report": 1}\n'
             % watch.token.encode())
    with socket.create_connection(('127.0.0.1', watch.port)) as silent:
        silent.sendall(hello)
        heard(watch)
        monkeypatch.setattr(watch, '_ticked', watch._ticked - 3600)
        assert watch.look(0) == []
        assert heard(watch) == [(0, {'lost': 'has given no sign of life for 1 seconds'})]


def test_who_does_not_join_is_lost_once(watch, link, monkeypatch):
    monkeypatch.setattr(watching, 'MISSING', 1)
    link(1).say(report=1)
    assert heard(watch, 2) == [(1, {'report': 1}), (0, {'lost': 'has not joined the others within 1 seconds'})]
    assert watch.describe(0) == 'rank 0'
    monkeypatch.setattr(watch, '_ticked', watch._ticked - 3600)
    assert watch.look(0) == []


@pytest.mark.parametrize(('host', 'trains', 'limit'), [
    ('elsewhere', False, watching.HANGING), ('elsewhere', True, watching.SILENCE),
    (socket.gethostname(), True, watching.HANGING)])
def test_who_loads_libraries_or_is_alive_here_may_be_silent_for_longer(host, trains, limit):
    assert watching._why_silent(limit, os.getpid(), host, trains) is None
    assert watching._why_silent(limit + 1, os.getpid(), host, trains) == (
        f'has given no sign of life for {limit} seconds')


def test_a_worker_notices_that_its_watch_is_gone(watch, link):
    lost = []
    link(0, on_lost=lost.append).say(report=1)
    link(1, on_lost=lost.append).leaving = True
    heard(watch)
    watch.close()
    deadline = time.monotonic() + 60
    while not lost:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert lost == ['has ended']
    watch.__init__(range(2))


def test_a_worker_notices_that_its_watch_is_silent(monkeypatch):
    monkeypatch.setattr(watching, 'SILENCE', 1)
    lost = []
    with socket.create_server(('127.0.0.1', 0)) as server:
        link = Link(['127.0.0.1'], server.getsockname()[1], 'token', 0, lost.append, watcher=(1, 'elsewhere'))
        link.say_that_it_trains()
        deadline = time.monotonic() + 60
        while not lost:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        link.close()
    assert lost == ['has given no sign of life for 1 seconds']


def test_no_connection_is_a_sentence_with_the_addresses_that_were_tried():
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionError, match=rf'port {port} \(127.0.0.1: .*\); the machines of the job must reach'):
        Link(['127.0.0.1'], port, 'token', 0, print)
    assert socket.gethostname() in watching.own_addresses()
