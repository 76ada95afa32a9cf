"""The dashboard in a real browser, with a real run beside it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from event_model import compose_run

from operando.store import open_store

READ_KEY, WRITE_KEY = "r" * 24, "w" * 24
HOSTILE = "<img src=x onerror='window.owned = 1'>"
ENVIRONMENT = {
    **os.environ,
    "OPERANDO_READ_KEY": READ_KEY,
    "OPERANDO_WRITE_KEY": WRITE_KEY,
    "OPENBLAS_NUM_THREADS": "1",
}
OPERANDO = [sys.executable, "-c", "from operando.cli import main; main()"]
# Elements of Bokeh's page stand in shadow trees, which selectors do not see into.
EVERYTHING = """
function under(root, found) {
  for (const one of root.querySelectorAll('*')) {
    found.push(one);
    if (one.shadowRoot) under(one.shadowRoot, found);
  }
  return found;
}
const everything = under(document, []);
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard") / "store"
    with open_store(folder):
        pass
    return folder


@pytest.fixture(scope="module")
def address(store):
    """Start a dashboard of a store without runs."""
    process = subprocess.Popen(
        [*OPERANDO, "dashboard", "--store", str(store), "--port", "0", "--json"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = json.loads(process.stdout.readline())
    assert said["read_key"] is said["write_key"] is None  # a key that was given is not told
    yield said["address"]
    process.terminate()
    process.communicate(timeout=30)


def enter(address, key):
    """Show a key; return the page's status and what it says."""
    body = urllib.parse.urlencode({"key": key}).encode()
    try:
        with urllib.request.urlopen(f"{address}/login", body) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_nothing_is_seen_without_a_key(address):
    with urllib.request.urlopen(address) as answer:
        assert answer.url.startswith(f"{address}/login")
        assert b"password" in answer.read()
    status, page = enter(address, "wrong")
    assert status == 403
    assert "not one of the keys" in page
    assert "wrong" not in page


def test_a_cookie_made_elsewhere_opens_nothing(address):
    request = urllib.request.Request(address, headers={"Cookie": "operando_dashboard=write"})
    with urllib.request.urlopen(request) as answer:
        assert answer.url.startswith(f"{address}/login")


def test_a_taken_port_is_one_clear_line(address, store):
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [*OPERANDO, "dashboard", "--store", str(store), "--port", port],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"operando: cannot listen on 127.0.0.1:{port}")
    assert "Traceback" not in done.stderr


class Browser:
    """Headless Chromium on the page."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def enter(self, key):
        from selenium.webdriver.common.by import By

        self.driver.delete_all_cookies()
        self.driver.get(self.address)
        field = self.driver.find_element(By.NAME, "key")
        field.send_keys(key)
        field.submit()

    def run(self, script, *values):
        return self.driver.execute_script(EVERYTHING + script, *values)

    def picture(self):
        """Return the picture's source, or None."""
        return self.run(
            "const one = everything.find(e => e.tagName === 'IMG' && e.naturalWidth > 500);"
            "return one ? one.src : null;"
        )

    def button(self, label):
        """Return whether a button can be pressed; None when there is none."""
        return self.run(
            "const one = everything.find(e => e.tagName === 'BUTTON' &&"
            " e.innerText.trim() === arguments[0]); return one ? !one.disabled : null;",
            label,
        )

    def press(self, label):
        self.run(
            "everything.find(e => e.tagName === 'BUTTON' &&"
            " e.innerText.trim() === arguments[0]).click();",
            label,
        )

    def text(self):
        return self.run("return everything.map(e => e.childElementCount ? '' : e.innerText)")

    def wait(self, what, seconds=90.0):
        """Wait until something is so; return what it was."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def browser(address, tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromium-driver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1640,900",
        f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(f"--{option}")
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as opened:
        yield Browser(opened, address)


@pytest.fixture(scope="module")
def measuring(browser, store):
    """Measure a map that takes its time, in another process, which is stopped after the tests."""
    process = subprocess.Popen(
        [
            *OPERANDO, "demo", "mapping", "--speed", "1", "--shape", "30x20", "--dwell", "0.15",
            "--out", str(store.parent), "--store", str(store), "--json",
        ],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def test_the_map_of_a_running_run_grows_in_the_browser(browser, measuring):
    browser.enter(READ_KEY)
    first = browser.wait(browser.picture)
    browser.wait(lambda: browser.picture() not in (None, first))
    assert any("running" in text for text in browser.text())
    assert browser.button("Pause") is False  # the read key is for looking


def test_the_write_key_pauses_and_aborts_the_run(browser, measuring, store):
    browser.enter(WRITE_KEY)
    browser.wait(lambda: browser.button("Pause"))
    browser.press("Pause")
    browser.wait(lambda: any("to pause" in text for text in browser.text()))
    browser.press("Abort")
    _, stderr = measuring.communicate(timeout=90)
    assert measuring.returncode == 130
    assert "asked from elsewhere: pause" in stderr
    browser.wait(lambda: any("abort" in text for text in browser.text()))
    browser.wait(lambda: browser.button("Pause") is False)
    with open_store(store) as stored:
        assert stored[-1].metadata["stop"]["exit_status"] == "abort"


def test_names_of_samples_are_text_in_the_browser(browser, store):
    run = compose_run(metadata={"plan_name": "<b>count</b>", "sample": HOSTILE, "scan_id": 1})
    with open_store(store) as stored:
        write = stored.writer()
        write("start", run.start_doc)
        write("stop", run.compose_stop())
    browser.enter(READ_KEY)
    browser.wait(lambda: HOSTILE in browser.text())
    assert browser.run("return window.owned === undefined")
