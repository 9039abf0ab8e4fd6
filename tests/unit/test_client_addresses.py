"""Whose request it is: an address that nobody can choose by a header."""

from __future__ import annotations

import pytest

from analytics_core.web.client_addresses import Client, client_behind


def of(address: str, *buckets: str) -> Client:
    return Client(address, buckets or (address,))


@pytest.mark.parametrize(
    ("socket", "forwarded_for", "proxies", "client"),
    [
        ("203.0.113.7", [], 0, of("203.0.113.7")),
        ("203.0.113.7", ["198.51.100.1"], 0, of("203.0.113.7")),
        ("203.0.113.7", ["198.51.100.1, 192.0.2.1"], 1, of("192.0.2.1")),
        ("203.0.113.7", ["198.51.100.1", "192.0.2.1"], 1, of("192.0.2.1")),
        ("203.0.113.7", ["8.8.8.8, 198.51.100.1, 192.0.2.1"], 2, of("198.51.100.1")),
        ("203.0.113.7", ["198.51.100.1:4711"], 1, of("198.51.100.1")),
        ("203.0.113.7", ["[2001:db8::1]:443"], 1, of("2001:db8::1", "2001:db8::/64")),
        ("203.0.113.7", ["::ffff:198.51.100.1"], 1, of("198.51.100.1")),
        ("203.0.113.7", ["unknown"], 1, of("203.0.113.7")),  # what the trusted proxy wrote is no address
        ("203.0.113.7", [""], 1, of("203.0.113.7")),
        ("203.0.113.7", [], 2, of("203.0.113.7")),  # it did not come through the proxies
        ("203.0.113.7", ["198.51.100.1"], 2, of("203.0.113.7")),
        ("2001:db8:1:2:3::4", [], 0, of("2001:db8:1:2:3::4", "2001:db8:1:2::/64")),
        ("127.0.0.1", ["198.51.100.1"], 0, of("127.0.0.1")),
        ("198.51.100.1", ["198.51.100.1"], 0, of("127.0.0.1", "198.51.100.1", "127.0.0.1")),
        ("127.0.0.1", ["198.51.100.1, 127.0.0.1"], 0, of("127.0.0.1")),  # one bucket: it counts once
        ("testclient", [], 0, of("127.0.0.1")),
    ],
)
def test_the_client_of_a_request(socket: str, forwarded_for: list[str], proxies: int, client: Client) -> None:
    assert client_behind(socket, forwarded_for, proxies) == client
