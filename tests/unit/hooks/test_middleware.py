"""The subject of a web request, through real servers' conventions (wsgiref's validator, asyncio)."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest


@pytest.fixture
def current():
    from meterize_hooks import current_subject

    return current_subject


def call(app, **environ):
    """What a WSGI server does, and the body it gets."""
    environ["QUERY_STRING"] = ""
    setup_testing_defaults(environ)
    body = app(environ, lambda status, headers, exc_info=None: None)
    try:
        return list(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def wsgi(app, **options):
    from meterize_hooks.wsgi import SubjectMiddleware

    return SubjectMiddleware(app, **options)


def test_wsgi_header(current):
    seen = []

    @wsgi
    def app(environ, start_response):
        seen.append(current())
        start_response("200 OK", [])
        return [b"x"]

    assert call(app, HTTP_X_TENANT=" a ") == [b"x"]
    call(app)
    call(app, HTTP_X_TENANT="")
    assert seen == ["a", None, None]
    assert current() is None


def test_wsgi_another_header(current):
    app = wsgi(lambda environ, start: [str(current()).encode()], header="X-Customer-Id")
    assert call(app, HTTP_X_CUSTOMER_ID="c") == [b"c"]


def test_wsgi_streams_in_the_subject_and_not_between_steps(current):
    closed = []

    class Body:
        def __iter__(self):
            self.seen = current()
            for _ in range(3):
                yield str(current()).encode()

        def close(self):
            closed.append((self.seen, current()))

    app = wsgi(lambda environ, start: Body())
    environ = {"HTTP_X_TENANT": "a"}
    setup_testing_defaults(environ)
    body = app(environ, lambda *_: None)
    for _ in range(3):
        assert next(iter(body)) == b"a"
        assert current() is None
    with pytest.raises(StopIteration):
        next(iter(body))
    body.close()
    assert closed == [("a", "a")]


def test_wsgi_generator_applications_interleave(current):
    def app(environ, start_response):
        start_response("200 OK", [])
        for _ in range(3):
            yield str(current()).encode()

    bodies = []
    for name in "ab":
        environ = {"HTTP_X_TENANT": name}
        setup_testing_defaults(environ)
        bodies.append(iter(wsgi(app)(environ, lambda *_: None)))
    assert [next(body) for _ in range(3) for body in bodies] == [b"a", b"b"] * 3


def test_wsgi_keeps_what_servers_look_at():
    answer = [b"x"]
    assert wsgi(lambda environ, start: answer)({}, None) is answer
    with Path(__file__).open("rb") as file:
        wrapped = FileWrapper(file)
        assert wsgi(lambda environ, start: wrapped)({"wsgi.file_wrapper": FileWrapper}, None) is wrapped

    class Sized(list):
        pass

    assert len(wsgi(lambda environ, start: Sized([b"x", b"y"]))({}, None)) == 2
    body = wsgi(lambda environ, start: iter([b"x"]))({}, None)
    with pytest.raises(TypeError):
        len(body)
    body.close()


def test_wsgi_conforms_to_the_validator():
    @validator
    @wsgi
    @validator
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"x", b"y"])

    assert call(app, HTTP_X_TENANT="a", REQUEST_METHOD="GET") == [b"x", b"y"]


def test_wsgi_errors_are_the_applications(current):
    def app(environ, start_response):
        raise RuntimeError(current())

    with pytest.raises(RuntimeError, match=r"^a$"):
        call(wsgi(app), HTTP_X_TENANT="a")
    assert current() is None


@pytest.mark.parametrize("error", [KeyError("x"), ValueError(), TypeError(), AttributeError(), UnicodeError()])
def test_a_request_that_the_callable_does_not_understand_goes_on(current, error):
    def subject_from(request):
        raise error

    assert call(wsgi(lambda environ, start: [str(current()).encode()], subject_from=subject_from)) == [b"None"]


def test_wsgi_callable(current):
    app = wsgi(
        lambda environ, start: [str(current()).encode()], subject_from=lambda environ: environ["PATH_INFO"].split("/")[1]
    )
    assert call(app, PATH_INFO="/tenant-7/x") == [b"tenant-7"]


def connect(scope, app, **options):
    from meterize_hooks.asgi import SubjectMiddleware

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.disconnect"}

    asyncio.run(SubjectMiddleware(app, **options)(scope, receive, send))
    return sent


@pytest.fixture
def tell(current):
    async def app(scope, receive, send):
        await send(current())
        task = asyncio.create_task(asyncio.sleep(0, None))
        await task
        await asyncio.create_task(later(send))

    async def later(send):
        await asyncio.sleep(0)
        await send(current())

    return app


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_asgi_header(tell, kind):
    headers = [(b"host", b"x"), (b"x-tenant", b" a ")]
    assert connect({"type": kind, "headers": headers}, tell) == ["a", "a"]
    assert connect({"type": kind, "headers": [(b"X-Tenant", b"a")]}, tell) == ["a", "a"]
    assert connect({"type": kind, "headers": []}, tell) == [None, None]
    assert connect({"type": kind}, tell) == [None, None]


def test_asgi_lifespan_passes_through(tell):
    def never(scope):
        raise AssertionError

    assert connect({"type": "lifespan"}, tell, subject_from=never) == [None, None]


def test_asgi_uses_are_written_when_the_application_has_shut_down(bench):
    """As uvicorn ends: it sends the shutdown, then raises the signal that it got once more, and no exit function runs."""
    bench.meter("def use():\n    return 1  # hook\n", policy="every")
    script = """
        import asyncio, signal, metered
        from meterize_hooks.asgi import SubjectMiddleware

        async def app(scope, receive, send):
            if scope["type"] == "http":
                metered.use()
                return
            while True:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    metered.use()
                await send({"type": message["type"] + ".complete"})

        async def serve():
            stopped = asyncio.get_running_loop().create_future()
            messages, app_side = asyncio.Queue(), SubjectMiddleware(app)

            async def send(message):
                if message["type"] == "lifespan.shutdown.complete":
                    stopped.set_result(None)

            async def talk():
                await app_side({"type": "lifespan"}, messages.get, send)

            messages.put_nowait({"type": "lifespan.startup"})
            lifespan = asyncio.create_task(talk())
            for who in (b"a", b"a", b"b"):
                await app_side({"type": "http", "headers": [(b"x-tenant", who)]}, None, None)
            messages.put_nowait({"type": "lifespan.shutdown"})
            await stopped
            signal.raise_signal(signal.SIGTERM)

        asyncio.run(serve())
        """
    ran = bench.run(script, check=False)
    assert ran.returncode == -signal.SIGTERM, ran.err
    assert ran.uses == {("1", "a"): 2, ("1", "b"): 1, ("1", None): 1}


def test_asgi_callable_and_another_header(tell):
    assert connect({"type": "http", "path": "/b"}, tell, subject_from=lambda scope: scope["path"][1:]) == ["b", "b"]
    assert connect({"type": "http", "headers": [(b"x-org", b"o")]}, tell, header="X-Org") == ["o", "o"]


def test_asgi_errors_are_the_applications(current):
    async def app(scope, receive, send):
        raise RuntimeError(current())

    with pytest.raises(RuntimeError, match=r"^a$"):
        connect({"type": "http", "headers": [(b"x-tenant", b"a")]}, app)
