"""Servers that are no ledger, or a sick one: real sockets that answer as no ledger should."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from meterize.cli.app import run
from meterize.errors import AwayError, MeterizeError, TargetError, UsageError
from meterize.ledger_client import LedgerSettings, answer_question, request
from meterize.model.usage import Question

TOKEN = "mz_secret"
USAGE = {"from": "a", "to": "b", "rows": [{"feature": "xlsx", "uses": 3}], "others": 0, "total": 3}
LOSSES = {"losses": [{"reason": "no-room", "package": "", "feature": "", "hook": "", "total": 2, "host": "h"}]}


class Sick:
    """A server of one's own making: what ``answer`` gets is the socket, after a request has come in."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None], context: ssl.SSLContext | None = None) -> None:
        self._answer, self._context = answer, context
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
                with self._context.wrap_socket(plain, server_side=True) if self._context else plain as accepted:
                    self.requests.append(accepted.recv(65536))
                    self._answer(accepted, self.requests[-1])
            except ValueError:
                return
            except OSError:
                if self._listening.fileno() < 0:
                    return

    def settings(self, **more) -> LedgerSettings:
        scheme = "https" if self._context else "http"
        return LedgerSettings(**{"url": f"{scheme}://127.0.0.1:{self.port}", "token_text": TOKEN, "seconds": 5, **more})

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Sick]]:
    servers: list[Sick] = []

    def start(answer, context=None) -> Sick:
        servers.append(Sick(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def http(status=200, body: object = b"", *headers: str, length: int | None = None) -> Callable[[socket.socket, bytes], None]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data) if length is None else length}", *headers]

    def answer(connection: socket.socket, _request: bytes) -> None:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data)

    return answer


def raw(data: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda connection, _request: connection.sendall(data)


def ledger(usage: object, losses: object = LOSSES) -> Callable[[socket.socket, bytes], None]:
    def answer(connection: socket.socket, request: bytes) -> None:
        http(200, losses if b"/losses" in request else usage)(connection, request)

    return answer


def error(slug, message="said", **more):
    return {"error": {"slug": slug, "message": message, "hint": "", **more}}


def refused(server: Sick, **more) -> MeterizeError:
    with pytest.raises(MeterizeError) as caught:
        answer_question(server.settings(**more), Question(by=("feature",)))
    told = f"{caught.value.message} {caught.value.hint} {caught.value.args}"
    assert TOKEN not in told
    assert len(told) < 1500
    assert caught.value.hint
    return caught.value


def test_what_is_sent(serve):
    server = serve(ledger(USAGE))
    question = Question(by=("feature",), zone="Europe/Berlin", features=("a&b", "ü"), subjects=("\udcff",), top=3)
    found = answer_question(server.settings(url=f"http://127.0.0.1:{server.port}/mëter%20s"), question)
    assert [row.uses for row in found.rows] == [3]
    assert [lost.count for lost in found.unmetered] == [2]
    usage, losses = server.requests
    asked = "by=feature&tz=Europe%2FBerlin&top=3&feature=a%26b&feature=%C3%BC&subject=%5Cudcff"
    line = f"GET /m%C3%ABter%20s/api/v1/usage?{asked} HTTP/1.1".encode()
    assert usage.startswith(line)
    assert losses.startswith(b"GET /m%C3%ABter%20s/api/v1/losses HTTP/1.1")
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in usage


@pytest.mark.parametrize(
    ("answer", "slug", "kind", "says"),
    [
        (http(200, b"<html>hello"), "no-ledger-there", TargetError, "no JSON object"),
        (http(200, b""), "no-ledger-there", TargetError, "no JSON object"),
        (http(200, b"[1]"), "no-ledger-there", TargetError, "no JSON object"),
        (http(200, b"[" * 100_000), "no-ledger-there", TargetError, "no JSON object"),
        (http(200, b"\xff\xfe\x00"), "no-ledger-there", TargetError, "no JSON object"),
        (http(200, b'{"total": ' + b"9" * 5000 + b"}"), "no-ledger-there", TargetError, "no JSON object"),
        (http(204), "no-ledger-there", TargetError, "HTTP 204"),
        (http(302, b"", "Location: http://127.0.0.1:1/login"), "no-ledger-there", TargetError, "sends everybody on to http://127.0.0.1:1/login"),
        (http(307), "no-ledger-there", TargetError, "elsewhere"),
        (http(404, b"<html>"), "no-ledger-there", TargetError, "HTTP 404"),
        (http(400, b"<html>"), "no-ledger-there", TargetError, "HTTP 400"),
        (http(418, error("x")), "no-ledger-there", TargetError, "said"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "no-ledger-there", TargetError, "speaks no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"), "no-ledger-there", TargetError, "speaks no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000), "no-ledger-there", TargetError, "speaks no HTTP"),
        (http(401, error("token-refused")), "token-refused", TargetError, "said"),
        (http(401), "token-refused", TargetError, "HTTP 401"),
        (http(401, error("x", f"Bearer {TOKEN} is unknown")), "token-refused", TargetError, "Bearer … is unknown"),
        (http(403, error("scope-missing")), "scope-missing", TargetError, "said"),
        (http(403, b"<html>"), "token-refused", TargetError, "HTTP 403"),
        (http(422, error("question-refused", "x" * 5000)), "question-refused", UsageError, "refuses the question: xxx"),
        (http(400, error("bad-request", "many\r\nlines")), "question-refused", UsageError, "many lines"),
        (http(429, error("too-often"), "Retry-After: 7"), "too-often", AwayError, "said"),
        (http(500, b"oops"), "ledger-away", AwayError, "HTTP 500"),
        (http(502, b"<html>Bad Gateway"), "ledger-away", AwayError, "HTTP 502"),
        (http(503, error("ledger-busy", "locked"), "retry-after: 1"), "ledger-away", AwayError, "cannot answer: locked"),
        (http(503, {"error": [1]}), "ledger-away", AwayError, "HTTP 503"),
        (http(200, USAGE, length=5000), "ledger-away", AwayError, "a whole answer"),
        (raw(b""), "ledger-away", AwayError, "a whole answer"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"), "ledger-away", AwayError, "a whole answer"),
    ],
)  # fmt: skip
def test_answers_that_are_none(serve, answer, slug, kind, says):
    found = refused(serve(answer))
    assert (found.slug, type(found)) == (slug, kind)
    assert says in found.message


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("-3", 0), ("1e9", 60), ("nan", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("", 0)]
)
def test_how_long_it_wants_to_be_left_alone(serve, header, seconds):
    found = refused(serve(http(503, b"", f"Retry-After: {header}")))
    assert isinstance(found, AwayError)
    assert found.seconds == seconds


def changed(**more):
    return {**USAGE, **more}


@pytest.mark.parametrize(
    "usage",
    [
        {}, changed(total="3"), changed(total=True), changed(total=1 << 63), changed(total=1.0), changed(total=None),
        changed(others=None), changed(rows=None), changed(rows=3), changed(rows=["x"]), changed(rows=[{}]),
        changed(rows=[{"feature": 1, "uses": 1}]), changed(rows=[{"feature": "a"}]),
        changed(rows=[{"feature": "a", "uses": "1"}]), changed(**{"from": 3}), changed(to=None),
    ],
)  # fmt: skip
def test_json_of_another_form(serve, usage):
    found = refused(serve(ledger(usage)))
    assert found.slug == "no-ledger-there"
    assert "another form" in found.message


@pytest.mark.parametrize(
    "losses", [{}, {"losses": None}, {"losses": [1]}, {"losses": [{}]}, {"losses": [{**LOSSES["losses"][0], "total": -1.5}]}]
)
def test_losses_of_another_form(serve, losses):
    assert refused(serve(ledger(USAGE, losses))).slug == "no-ledger-there"


def test_more_than_fits(serve, monkeypatch):
    monkeypatch.setattr(request, "ANSWER_BYTES", 1000)
    found = refused(serve(http(200, b"{" + b" " * 100_000, length=1 << 40)))
    assert (found.slug, found.exit_code) == ("answer-too-large", 4)


def silent(connection: socket.socket, _request: bytes) -> None:
    connection.recv(1)


def dripping_head(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    _drip(connection, b"X")


def dripping_body(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    _drip(connection, b" ")


def _drip(connection: socket.socket, byte: bytes) -> None:
    for _ in range(1000):
        connection.sendall(byte)
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [silent, dripping_head, dripping_body])
def test_a_request_ends_in_time_however_slowly_the_answer_comes(serve, answer):
    began = time.monotonic()
    found = refused(serve(answer), seconds=0.2)
    assert time.monotonic() - began < 5
    assert (found.slug, "within 0.2 s" in found.message) == ("ledger-away", True)


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(AwayError, match="cannot be reached"):
        answer_question(LedgerSettings(url=f"http://127.0.0.1:{port}", token_text=TOKEN), Question(by=()))


def test_a_redirect_is_not_followed(serve):
    other = serve(ledger(USAGE))
    refused(serve(http(302, b"", f"Location: http://127.0.0.1:{other.port}/")))
    assert other.requests == []


def test_a_proxy_is_not_used(serve, monkeypatch):
    proxy, server = serve(ledger(USAGE)), serve(ledger(USAGE))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    answer_question(server.settings(), Question(by=("feature",)))
    assert proxy.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", folder / "key", "-out", folder / "cert"]  # fmt: skip
    try:
        subprocess.run(words, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return folder / "cert", context


def test_https(serve, certificate):
    file, context = certificate
    server = serve(ledger(USAGE), context)
    assert answer_question(server.settings(authorities=str(file)), Question(by=("feature",))).total == 3
    found = refused(server)
    assert (found.slug, found.exit_code) == ("ledger-untrusted", 4)
    assert "self-signed" in found.message
    assert len(server.requests) == 2, "what is not trusted is sent nothing"
    found = refused(server, authorities=str(file), url=f"https://localhost:{server.port}")
    assert found.slug == "ledger-untrusted", "the certificate is of another host"
    for bad in ("/no/such/file", __file__):
        found = refused(server, authorities=bad)
        assert (found.slug, found.exit_code) == ("ledger-ca-file", 2)
    found = refused(serve(dripping_body, context), authorities=str(file), seconds=0.3)
    assert found.slug == "ledger-away"


def test_tls_where_there_is_none_and_none_where_there_is(serve, certificate):
    plain, safe = serve(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")), serve(ledger(USAGE), certificate[1])
    assert refused(plain, url=f"https://127.0.0.1:{plain.port}").slug == "ledger-untrusted"
    assert refused(safe, url=f"http://127.0.0.1:{safe.port}").slug in ("ledger-away", "no-ledger-there")


@pytest.mark.parametrize("follow", [[], ["--follow"]])
@pytest.mark.parametrize(
    ("answer", "slug", "code"),
    [
        (http(200, b"<html>"), "no-ledger-there", 4),
        (http(503), "ledger-away", 4),
        (http(422, error("x")), "question-refused", 2),
    ],
)
def test_on_the_command_line(serve, capsys, monkeypatch, answer, slug, code, follow):
    server = serve(answer)
    monkeypatch.setenv("METERIZE_TOKEN", TOKEN)
    monkeypatch.delenv("METERIZE_TOKEN_FILE", raising=False)
    words = ["usage", "--ledger", f"http://127.0.0.1:{server.port}", *follow]
    assert run(words) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error ({slug}): ")
    assert run([*words, "--json"]) == code
    said = capsys.readouterr()
    assert (json.loads(said.out)["error"]["slug"], said.err) == (slug, "")
