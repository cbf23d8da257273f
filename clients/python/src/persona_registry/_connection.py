"""How the registry is reached: channels, credentials, and what goes along with each call."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc

from ._options import Options, bearer
from .errors import Unauthenticated, Unavailable

Metadata = tuple[tuple[str, str], ...]


class Connection:
    """Makes channels of both kinds. Certificates are read anew for each, so that they may be renewed."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def sync_channel(self, stream: bool) -> grpc.Channel:
        """A channel for the synchronous client."""
        place, arguments = f"dns:///{self._options.place}", self._arguments(stream)
        if not self._options.secure:
            return grpc.insecure_channel(place, arguments)
        return grpc.secure_channel(place, self._credentials(), arguments)

    def aio_channel(self, stream: bool) -> grpc.aio.Channel:
        """A channel for the asyncio client."""
        place, arguments = f"dns:///{self._options.place}", self._arguments(stream)
        if not self._options.secure:
            return grpc.aio.insecure_channel(place, arguments)
        return grpc.aio.secure_channel(place, self._credentials(), arguments)

    def metadata(self) -> Metadata:
        """Says who calls. A function that gives the token is called here."""
        token = self._options.token
        if token is None:
            return ()
        try:
            return (("authorization", bearer(token if isinstance(token, str) else token())),)
        except Exception as error:
            raise Unauthenticated(f"there is no token to send: {error}", "UNAUTHENTICATED") from error

    def _arguments(self, stream: bool) -> list[tuple[str, Any]]:
        options = self._options
        arguments: list[tuple[str, Any]] = [
            ("grpc.keepalive_time_ms", int(options.keepalive * 1000)),
            ("grpc.keepalive_timeout_ms", int(options.keepalive_timeout * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.primary_user_agent", "persona-registry-python"),
            # Waits between attempts are ours; gRPC's own must not hold them up.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        if stream:
            # Each stream has a connection of its own: what is dead or refused is not met again.
            arguments.append(("grpc.use_local_subchannel_pool", 1))
        if options.server_name:
            arguments.append(("grpc.ssl_target_name_override", options.server_name))
        return arguments

    def _credentials(self) -> grpc.ChannelCredentials:
        options = self._options
        try:
            roots = options.ca_cert.read_bytes() if options.ca_cert else _machine_roots()
            key = options.client_key.read_bytes() if options.client_key else None
            chain = options.client_cert.read_bytes() if options.client_cert else None
        except OSError as error:
            raise Unavailable(f"a file of TLS cannot be read: {error}", "UNAVAILABLE") from error
        return grpc.ssl_channel_credentials(roots, key, chain)


def _machine_roots() -> bytes | None:
    """The authorities that this machine trusts; None, where none are found: those that come with gRPC."""
    context = ssl.create_default_context()
    found = [ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)]
    folder = ssl.get_default_verify_paths().capath
    if not found and folder:
        # OpenSSL looks into a folder only when it meets a certificate.
        found = [file.read_text() for file in sorted(Path(folder).glob("*.[0-9]"))]
    return "".join(found).encode() or None
