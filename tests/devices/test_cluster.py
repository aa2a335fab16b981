"""TF_CONFIG, and the watch that ends a worker when another has gone: with real sockets, without TensorFlow."""

import json
import socket
import threading

import pytest

from kerascifar.core.errors import InputError
from kerascifar.devices.cluster import (
    Cluster,
    Watch,
    _listening,
    answers,
    free_ports,
    read_cluster,
    wait_for_all,
    watched,
)


def variable(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_the_first_worker_is_the_chief_unless_one_is_named():
    pair = {"worker": ["a:1", "b:2"]}
    assert read_cluster(variable(pair)) == Cluster(("a:1", "b:2"), 0)
    assert read_cluster(variable(pair, index=1)).follows
    named = {"worker": ["a:1", "b:2"], "chief": ["c:3"]}
    assert read_cluster(variable(named, "chief")) == Cluster(("c:3", "a:1", "b:2"), 0)
    assert read_cluster(variable(named, "worker", 1)) == Cluster(("c:3", "a:1", "b:2"), 2)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "needs TF_CONFIG"),
        ({"TF_CONFIG": "{"}, "expected JSON"),
        ({"TF_CONFIG": "[]"}, "expected JSON"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}}'}, "expected JSON"),
        (variable({"worker": ["a:1"]}), "needs 2 or more workers"),
        (variable({"worker": ["a:1", "a:1"]}), "needs 2 or more workers with different addresses"),
        (variable({"worker": ["a:1", "b"]}), "expected host:port, got 'b'"),
        (variable({"worker": ["a:1", "b:70000"]}), "expected host:port"),
        (variable({"worker": ["a:1", "b:1"]}, index=2), "task worker 2 is not in the cluster"),
        ({"TF_CONFIG": "[" * 100_000}, "expected JSON"),
        ({"TF_CONFIG": '{"cluster": ' + "9" * 5000}, "expected JSON"),
        (variable({"worker": "a:1"}), "expected JSON"),
        (variable({"worker": ["a:1", {}]}), "expected JSON"),
        (variable({"worker": ["a:1", ["b:1"]]}), "expected JSON"),
        (variable({"worker": ["a:1", "b:1"]}, kind=["worker"]), "expected JSON"),
        (variable({"worker": ["a:1", "b:1"]}, index=0.5), "expected JSON"),
        (variable({"worker": ["a:1", "b:1"]}, index="9" * 5000), "expected JSON"),
        (variable({"worker": ["a:1", "b:²"]}), "expected host:port"),
        (variable({"worker": ["a:1", "b:" + "9" * 5000]}), "expected host:port"),
        (variable({"worker": ["a:1", "b\0:1"]}), "expected host:port"),
        (variable({"worker": ["a:1", "b:1"], "ps": ["c:1"]}), "may hold workers and one chief"),
    ],
)
def test_bad_clusters_are_refused(environment, message):
    with pytest.raises(InputError, match=message) as refused:
        read_cluster(environment)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_what_is_no_name_of_a_host_does_not_answer():
    assert not answers("a" * 100 + ":80")


def one_watched():
    """A Watch on one other worker; returns its listening socket, the Watch and what it will say."""
    port = free_ports(1)[0]
    listener = socket.create_server(("127.0.0.1", port))
    lines, ended = [], threading.Event()

    def end(line):
        lines.append(line)
        ended.set()

    watch = Watch(Cluster(("127.0.0.1:1", f"127.0.0.1:{port}"), 0), pause=0.05, end=end).start()
    return listener, watch, lines, ended


def test_a_worker_that_goes_is_noticed():
    listener, watch, lines, ended = one_watched()
    assert not ended.wait(0.5)  # it is there
    listener.close()
    assert ended.wait(10)
    assert lines[0].startswith("worker 1 (127.0.0.1:")
    assert "is gone" in lines[0]
    watch.stop()


def test_a_worker_that_never_comes_is_waited_for_with_an_end():
    ports = free_ports(2)
    with pytest.raises(InputError, match=r"worker 1 \(127\.0\.0\.1:\d+\) did not start within 0 s; start all workers"):
        wait_for_all(Cluster(tuple(f"127.0.0.1:{port}" for port in ports), 0), patience=0.3)


def test_workers_see_one_another_come():
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    came = []

    def come(index):
        wait_for_all(Cluster(addresses, index), patience=30)
        came.append(index)
        with socket.create_server(("127.0.0.1", int(addresses[index].rpartition(":")[2]))):  # TensorFlow's, later
            everybody.wait(30)

    everybody = threading.Barrier(2)
    threads = [threading.Thread(target=come, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [0, 1]


@pytest.mark.parametrize(
    ("addresses", "bound"),
    [
        (("127.0.0.1:%d", "127.0.0.1:1"), "127.0.0.1"),
        (("localhost:%d", "10.0.0.2:1"), "127.0.0.1"),
        (("127.0.0.9:%d", "127.0.0.1:1"), "127.0.0.9"),
        (("192.0.2.1:%d", "192.0.2.2:1"), "0.0.0.0"),  # none of this machine's: another one stands before it
        (("127.0.1.1:%d", "10.0.0.2:1"), "0.0.0.0"),  # the machine's own name, out of Debian's /etc/hosts
    ],
)
def test_a_waiting_worker_listens_at_its_own_address_alone(addresses, bound):
    own = addresses[0] % free_ports(1)[0]
    with _listening(Cluster((own, addresses[1]), 0)) as server:
        assert server.getsockname()[:2] == (bound, int(own.rpartition(":")[2]))


def test_an_address_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(InputError, match=f"cannot listen at {address}"):
            wait_for_all(Cluster((address, "127.0.0.1:1"), 0), patience=0.3)


def test_after_its_stop_a_watch_ends_nothing():
    listener, watch, _, ended = one_watched()
    watch.stop()
    listener.close()
    assert not ended.wait(0.5)


Unavailable = type("UnavailableError", (Exception,), {"__module__": "tensorflow.python.framework.errors_impl"})


@pytest.mark.parametrize(
    ("alive_for", "message"),
    [(0.0, "worker 1 .* is gone"), (0.5, "worker 1 .* is gone"), (60.0, "lost another worker .*Socket closed")],
)
def test_tensorflows_word_of_a_lost_worker_becomes_one_line(alive_for, message):
    # Half a second: a killed process may lose its connections before its port is closed.
    with socket.create_server(("127.0.0.1", 0)) as other:
        cluster = Cluster(("127.0.0.1:1", f"127.0.0.1:{other.getsockname()[1]}"), 0)
        dying = threading.Timer(alive_for, other.close)
        dying.daemon = True  # a failure need not wait for it
        dying.start()
        with pytest.raises(InputError, match=message), watched(cluster, pause=1.5):
            if not alive_for:
                dying.join()
            raise Unavailable("Socket closed\nand much more")
        dying.cancel()


def test_other_errors_pass_a_watch():
    with socket.create_server(("127.0.0.1", 0)) as other:
        cluster = Cluster(("127.0.0.1:1", f"127.0.0.1:{other.getsockname()[1]}"), 0)
        with pytest.raises(ValueError, match="ours"), watched(cluster):
            raise ValueError("ours")
