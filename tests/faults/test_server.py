"""Without a key nothing is read or written, the read key writes nothing, no key is kept."""

import base64
import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import matplotlib
import pytest
from bokeh.document import Document
from bokeh.events import ButtonClick
from bokeh.util.token import generate_jwt_token, get_session_id, get_token_payload

from operando.dashboard.keys import COOKIE, KeyAuth
from operando.dashboard.page import Page
from operando.dashboard.server import guarded_server
from operando.store import embedded
from operando.store.places import Places
from operando.store.serving import Keys
from support.tiled_server import free_port

READ, WRITE = "KeyToReadThatIsNowhere7", "KeyToWriteThatIsNowhere8"
KEYS = {"OPERANDO_READ_KEY": READ, "OPERANDO_WRITE_KEY": WRITE, "TILED_API_KEY": READ}
OPERANDO = [sys.executable, "-c", "from operando.cli import main; main()"]
#: A run as a demonstration measures one, with its report and a process that draws it.
MEASURE = """
import json, math, pathlib
from operando.live import LiveView
from operando.plans.mapping import map_fly
from operando.session import mapping_session
with mapping_session(seed=3, speed=math.inf, store="out/store", shape=(6, 5)) as session:
    session.reports = pathlib.Path("out")
    with LiveView(pathlib.Path("out/live.png"), print) as view:
        session.RE.subscribe(view)
        uid = session.run(map_fly(session.station, shape=(2, 3), step=2.0, exposure=0.02))
print(json.dumps({"uid": uid}))
"""
WRITES = ("post", "put", "patch", "delete")
# Requests of these may be sent by POST because a query does not fit into an address.
READS_BY_POST = (
    *("/api/v1/table/partition/", "/api/v1/table/full/", "/api/v1/container/full/"),
    *("/api/v1/awkward/buffers/", "/api/graphql"),
)


class World:
    """A store with a run that was measured with keys in the environment, served in two ways."""

    def __init__(self, root):
        self.root, self.folder = root, root / "out" / "store"
        self.seen = []
        # Where matplotlib has its list of fonts, which takes seconds to make.
        home = {
            "MPLCONFIGDIR": matplotlib.get_cachedir(),
            "HOME": str(root / "home"),
            "XDG_STATE_HOME": str(root / "home" / "state"),
        }
        self.environment = {**os.environ, **home, **KEYS, "OPENBLAS_NUM_THREADS": "1"}
        (root / "home").mkdir()

    def start(self, *words, **more):
        """Start a command, or a measurement; what it says goes to files."""
        command = [sys.executable, "-c", MEASURE]
        if words[0] != "measure":
            command = [*OPERANDO, *map(str, words)]
        count = len(list(self.root.glob("*.stderr")))
        with (
            (self.root / f"{count}-{words[0]}.stdout").open("wb") as out,
            (self.root / f"{count}-{words[0]}.stderr").open("wb") as said,
        ):
            return subprocess.Popen(
                command,
                env={**self.environment, **more},
                cwd=self.root,
                stdout=out,
                stderr=said,
                stdin=subprocess.DEVNULL,
            )

    def run(self, *words, **more):
        process = self.start(*words, **more)
        while process.poll() is None:
            self.look_at(process.pid)
            time.sleep(0.2)
        return process.returncode

    def look_at(self, pid):
        """Note the command lines of a process and all below it, and the children's variables."""
        with contextlib.suppress(OSError):
            own = Path(f"/proc/{pid}/cmdline").read_bytes()
            self.seen.append(own)
            for child in below(pid):
                with contextlib.suppress(OSError):
                    line = Path(f"/proc/{child}/cmdline").read_bytes()
                    # A copy of its parent is not yet what it is going to be; matplotlib asks
                    # the system for fonts, once.
                    if line not in (own, b"") and not line.startswith(b"fc-list"):
                        variables = Path(f"/proc/{child}/environ").read_bytes()
                        self.seen.append(line + b"|" + variables)

    def written(self):
        return [path for path in self.root.rglob("*") if path.is_file()]


def below(pid):
    found = []
    with contextlib.suppress(OSError, ValueError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *below(int(child))]
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("keys"))
    (made.root / "out").mkdir()
    assert made.run("measure") == 0, (made.root / "0-measure.stderr").read_text()
    return made


@contextlib.contextmanager
def serving(world, command, path):
    """Have a command serve the run's store on a free port; give its address."""
    port = free_port()
    process = world.start(command, "--store", world.folder, "--port", port)
    yield wait(f"http://127.0.0.1:{port}", path, process)
    world.look_at(process.pid)
    process.terminate()
    process.wait(timeout=60)


@pytest.fixture(scope="module")
def address(world):
    """Serve the run's store by Tiled."""
    with serving(world, "serve", "/api/v1/") as address:
        yield address


@pytest.fixture(scope="module")
def dashboard(world):
    with serving(world, "dashboard", "/login") as address:
        yield address


def wait(address, path, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(address + path).status_code == 200:
                return address
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def client(address, key=None):
    headers = {} if key is None else {"Authorization": f"Apikey {key}"}
    return httpx.Client(base_url=address, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def routes(address):
    """List method and path of all that the server's application answers to."""
    with client(address, WRITE) as writer:
        described = writer.get("/openapi.json").json()["paths"]
    found = [(method, path) for path, methods in described.items() for method in methods]
    hidden = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/favicon.ico")
    return found + [("get", path) for path in (*hidden, "/static/index.html")]


def real(path, uid="no-such-run"):
    return re.sub(r"\{[^}]*\}", uid, path)


@pytest.mark.parametrize("key", [None, "wrong" * 5, WRITE[:-1], WRITE + "0", "é"])
def test_without_a_key_no_route_answers(address, routes, key):
    headers = {} if key is None else {"Authorization": f"Apikey {key}".encode()}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as stranger:
        for method, path in routes:
            if path != "/api/v1/":  # tells clients that a key is needed
                answer = stranger.request(method, real(path))
                assert answer.status_code == 401, (method, path)
                assert answer.json() == {"detail": "a valid API key is needed"}
        about = stranger.get("/api/v1/").text
    assert str(address.rpartition("/")[0]) in about
    assert "pilatus" not in about
    assert len(routes) > 60


def test_a_key_in_the_address_is_refused_before_it_is_logged(address):
    with client(address) as stranger:
        assert stranger.get(f"/api/v1/metadata/?api_key={WRITE}").status_code == 401
        assert stranger.get(f"/api/v1/?%61pi_key={WRITE}").status_code == 401
        for query in (
            "api_key=%C3%94%F2",
            "api_key",
            "%ff=%fe&api_key=%C3%94",
            "&" * 2000 + "api_key=",
        ):
            answer = stranger.get(f"/api/v1/metadata/?{query}")
            assert answer.json() == {"detail": "keys are not taken from addresses; use the header"}


@pytest.fixture(scope="module")
def uid(world):
    told = (world.root / "0-measure.stdout").read_text().splitlines()[-1]
    return json.loads(told)["uid"]


def test_the_read_key_changes_nothing(address, routes, uid):
    writing = [(method, path) for method, path in routes if method in WRITES]
    with client(address, READ) as reader, client(address, WRITE) as writer:
        everything = f"/api/v1/search/{uid}"
        before = writer.get(everything).json()["data"]
        for method, path in writing:
            answer = reader.request(method, real(path, uid), json={})
            if not path.startswith(READS_BY_POST) or method != "post":
                # 401: it may not, whatever the body is.
                assert answer.status_code == 401, (method, path, answer.text)
            assert answer.status_code < 500, (method, path)
        requests = [{"action": "abort", "id": "1", "time": 1.0}]
        patch = {"content-type": "application/merge-patch+json"}
        asked = reader.patch(
            f"/api/v1/metadata/{uid}",
            headers=patch,
            json={"content-type": patch["content-type"], "metadata": {"asked": requests}},
        )
        assert asked.status_code == 401
        mutation = {"query": 'mutation { deleteNode(path: "x") }'}
        assert reader.post("/api/graphql", json=mutation).status_code in (200, 400, 422)
        assert writer.get(everything).json()["data"] == before
    assert len(writing) >= 20


def test_a_run_is_asked_nothing_with_the_read_key(address, uid, monkeypatch, tmp_path):
    from operando.errors import StoreError
    from operando.store import open_store

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with open_store(address, api_key=READ) as store:
        for action in ("pause", "resume", "abort", "stop-agent"):
            with pytest.raises(StoreError, match=r"401|scope"):
                store.ask(uid, action)
        assert store.asked(uid) == []


def test_no_websocket_opens_without_a_key(address, world, uid):
    """Ask for the websockets of the application's own table, so that none can be forgotten."""
    found = {"/api/v1/stream/single/{path:path}", "/api/graphql"}
    app = embedded.application(Places.of(world.folder), api_key=WRITE, anonymous=True)
    assert sorted(sockets(app.routes)) == ["", "/stream/single/{path:path}"]
    for path, key in itertools.product(found, (None, "wrong" * 5)):
        assert upgraded(address, real(path, uid), key and f"Authorization: Apikey {key}") == 403


def sockets(routes):
    for route in routes:
        if type(route).__name__.endswith("WebSocketRoute"):
            yield route.path
        yield from sockets(getattr(getattr(route, "original_router", None), "routes", []))


def upgraded(address, path, *headers):
    """Ask for a websocket; return the status of the answer."""
    host, port = address.removeprefix("http://").split(":")
    lines = [f"GET {path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    given = [header for header in headers if header]
    if not any(header.startswith("Host:") for header in given):
        given.append(f"Host: {host}:{port}")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall("\r\n".join([*lines, *given, "", ""]).encode())
        return int(line.recv(4096).split()[1])


def test_another_origin_is_told_nothing(address):
    preflight = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    with client(address) as stranger, client(address, READ) as reader:
        asked = stranger.options("/api/v1/metadata/", headers=preflight)
        assert asked.status_code == 401
        for answer in (
            asked,
            reader.get("/api/v1/metadata/", headers={"Origin": "http://evil.example"}),
        ):
            assert "access-control-allow-origin" not in answer.headers


# The dashboard.


@pytest.fixture(scope="module")
def patterns():
    """List what the dashboard's own rules match."""
    server = guarded_server(lambda doc: None, 0, KeyAuth(Keys(READ, WRITE)))
    rules = [
        (rule.matcher.host_pattern.pattern, inner.matcher.regex.pattern)
        for rule in server._tornado.default_router.rules
        if hasattr(rule.matcher, "host_pattern")
        for inner in rule.target.rules
    ]
    rules += [("", rule.matcher.regex.pattern) for rule in server._tornado.wildcard_router.rules]
    server.stop()
    return rules


def paths(patterns):
    for _, pattern in patterns:
        path = re.sub(r"\(.*?\)", "js/bokeh.min.js", pattern.rstrip("$").replace("\\", ""))
        yield path.replace("/?", "/").replace(".*", "/x")


@contextlib.contextmanager
def entered(dashboard, key):
    with httpx.Client(base_url=dashboard, timeout=60) as visitor:
        assert visitor.post("/login", data={"key": key}).status_code == 302
        yield visitor


def test_the_dashboard_shows_a_stranger_nothing(dashboard, patterns):
    asked = sorted(set(paths(patterns)))
    assert {"/", "/ws", "/metadata", "/autoload.js", "/login"} <= set(asked)
    forged = {"Cookie": f"{COOKIE}=2|1:0|10:1|18:{COOKIE}|8:d3JpdGU=|{'0' * 64}"}
    with httpx.Client(base_url=dashboard, timeout=60) as stranger:
        for path, headers in itertools.product(asked, ({}, forged)):
            if path.startswith(("/static", "/favicon", "/login")):
                continue  # Bokeh's own scripts, and the page that asks for a key
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                answer = stranger.request(method, path, headers=headers)
                assert answer.status_code in (302, 400, 403, 404, 405), (method, path)
                if answer.status_code == 302:
                    assert answer.headers["location"].startswith("/login")
        traversal = stranger.get("/static/%2e%2e/%2e%2e/server.py")
        assert traversal.status_code in (403, 404)
        for path in ("/ws", "/ws?x=1"):
            assert upgraded(dashboard, path, f"Origin: {dashboard}") == 403


def test_the_dashboard_has_no_other_names_and_serves_no_other_page(dashboard):
    with entered(dashboard, WRITE) as visitor:
        cookie = f"Cookie: {COOKIE}={visitor.cookies[COOKIE]}"
        own = f"Origin: {dashboard}"
        assert visitor.get("/").status_code == 200
        # A name of somebody's own that they have lead here.
        for path in ("/", "/login", "/metadata", "/static/js/bokeh.min.js"):
            assert visitor.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert upgraded(dashboard, "/ws", cookie, "Host: evil.example", own) == 403
        # A page from another port of this machine, to which the browser does send the cookie.
        other = {"Origin": "http://localhost:1"}
        assert upgraded(dashboard, "/ws", cookie, "Origin: http://localhost:1") == 403
        answer = visitor.get("/autoload.js?bokeh-autoload-element=1", headers=other)
        assert answer.status_code == 403
        assert "bokeh-token" not in answer.text
        assert "access-control-allow-origin" not in visitor.get("/", headers=other).headers


def test_a_session_cannot_be_made_up_and_tells_no_cookie(dashboard):
    with entered(dashboard, READ) as visitor:
        page = visitor.get("/").text
        token = re.search(r'"token":"([^"]+)"', page)[1]
        told = get_token_payload(token)
        assert told["role"] == "read"
        assert not told["cookies"]
        assert not told["headers"]
        assert visitor.get(f"/?bokeh-token={token}").status_code == 200
        # Another role, signed by nobody or by somebody else.
        session, claims = get_session_id(token), {**told, "role": "write"}
        for how in ({"signed": False}, {"signed": True, "secret_key": b"k" * 32}):
            forged = generate_jwt_token(session, extra_payload=claims, **how)
            assert visitor.get(f"/?bokeh-token={forged}").status_code == 403
        assert visitor.get("/?bokeh-session-id=mine").status_code == 403


class Asked:
    """A store that notes what is asked of its runs."""

    name = "none"

    def __init__(self):
        self.asked = []

    def ask(self, uid, action):
        self.asked.append(action)


class OneRun:
    """A list of one run that is measured, drawn as nothing."""

    rows = ({"began": "", "plan": "", "sample": "", "status": "running", "uid": "u" * 36},)
    trouble = ""
    drawn = -1

    class progress:  # noqa: N801 - an attribute of what it stands for
        status, points, planned, decisions, last_reason = "running", 0, None, 0, ""

    def columns(self):
        return {key: [row[key] for row in self.rows] for key in self.rows[0]}

    def of(self, uid):
        return self

    def png(self):
        return b""


@pytest.mark.parametrize(("may_ask", "done"), [(False, 0), (True, 4)])
def test_a_pressed_button_does_nothing_without_the_write_key(may_ask, done):
    """Press all, also those that the page shows as disabled: a browser can enable them."""
    document, store, run = Document(), Asked(), OneRun()
    Page(document, store, run, run, may_ask=may_ask)
    for action in ("pause", "resume", "stop-agent", "abort"):
        button = document.get_model_by_name(action)
        button.disabled = False
        button._trigger_event(ButtonClick(button))
    assert len(store.asked) == done


def test_keys_are_written_nowhere(world, address, dashboard, uid):
    """Look at all that was left by a demonstration, two servers and what was asked of them."""
    run = ["--store", address]
    assert world.run("report", uid, "--out", "report.html", *run) == 0
    assert world.run("export", uid, "exported", "--no-frames", *run) == 0
    assert world.run("runs", OPERANDO_STORE=f"{address}/?api_key={READ}") == 0
    assert world.run("runs", OPERANDO_STORE=address.replace("//", f"//me:{WRITE}@")) in (0, 1)
    with entered(dashboard, WRITE) as visitor:
        visitor.get("/")
        visitor.post("/login", data={"key": "wrong" * 4})
    with client(address, WRITE) as writer:
        writer.get("/api/v1/metadata/none")
        writer.post("/api/v1/register/", json={"id": 7})
    written = world.written()
    assert {".html", ".csv", ".nxs", ".json", ".stderr", ".db", ".jsonl"} <= {
        path.suffix for path in written
    }
    for key in (READ, WRITE):
        for text in (key.encode(), base64.b64encode(key.encode())[:-4]):
            assert [str(path) for path in written if text in path.read_bytes()] == []
            assert [seen[:200] for seen in world.seen if text in seen] == []
    assert any(b"operando.live.drawing" in seen for seen in world.seen)


def test_keys_are_compared_in_constant_time():
    """Whoever compares a key by == tells by its time how much of it was right."""
    source = Path(embedded.__file__).parents[1]
    for file in source.rglob("*.py"):
        for line in file.read_text().splitlines():
            compared = re.search(r"(keys?\.(read|write)|_key)\b(\(\))? *(==|!=)", line)
            assert not compared or "keys[0] == keys[1]" in line, (file, line)
