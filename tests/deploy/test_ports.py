"""Ports that servers are given: not to two of them, however long they take to start."""

import random
import socket
import subprocess
import sys

import pytest

from deploy.process import FREE_PORTS, StackError, choose_port, port_is_free

_FEW = 6
#: Above those any server is given, below those of outgoing connections.
_BESIDE = range(FREE_PORTS.stop, 32_000, _FEW)
_CHOOSE = "from deploy.process import choose_port; print(choose_port(others={}))"


def test_no_two_are_given_the_same_before_either_listens() -> None:
    # given
    first = random.choice(_BESIDE)
    few = range(first, first + _FEW)

    # when
    chosen = [choose_port(others=few) for _ in range(_FEW // 2)]
    elsewhere = [
        int(subprocess.check_output([sys.executable, "-c", _CHOOSE.format(few)], timeout=60))
        for _ in range(_FEW // 2)
    ]

    # then
    assert sorted(chosen + elsewhere) == list(few)
    with pytest.raises(StackError, match=f"from {few[0]} to {few[-1]}"):
        choose_port(others=few)


def test_a_server_may_listen_on_what_was_chosen_and_nobody_else_is_given_it() -> None:
    # given
    port = choose_port()
    assert port_is_free(port)

    # when
    with socket.create_server(("127.0.0.1", port)):
        # then
        assert not port_is_free(port)
        assert choose_port(port) != port
