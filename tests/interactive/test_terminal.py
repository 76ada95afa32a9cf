"""``operando ipython`` in a terminal: the README's blocks are pasted, Ctrl-C pauses and aborts."""

import os
import re
import sys
import time
from pathlib import Path

import pexpect
import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
COMMAND = "import sys; from operando.cli import main; sys.argv[0] = 'operando'; main()"
_COLOUR = r"(?:\x1b\[[0-9;?]*[A-Za-z])*"
PROMPT = rf"In \[{_COLOUR}(\d+){_COLOUR}\]: "


class Terminal:
    """A person at ``operando ipython``."""

    def __init__(self, folder, *options):
        keep = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "MPLBACKEND": "Agg"}
        self._spawned = pexpect.spawn(
            sys.executable,
            ["-c", COMMAND, "ipython", *options],
            cwd=folder,
            env={**keep, "IPYTHONDIR": str(folder / "profile")},
            encoding="utf-8",
            dimensions=(40, 120),
            timeout=90,
        )
        self._entered = 0
        self.greeting = self.answer()

    def answer(self):
        """Wait for the next prompt; what was printed before it comes back as plain text."""
        said = ""
        while True:
            self._spawned.expect(PROMPT)
            said += self._spawned.before
            if int(self._spawned.match[1]) > self._entered:
                self._entered = int(self._spawned.match[1])
                return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)

    def begin(self, text):
        """Paste, as a terminal does that says it is a paste, and press Enter."""
        # The prompt is drawn before it takes what is typed.
        time.sleep(0.3)
        self._spawned.send(f"\x1b[200~{text}\x1b[201~")
        # After an indented line the first Enter only makes another line.
        for _ in range(2 if text.splitlines()[-1].startswith(" ") else 1):
            time.sleep(0.3)
            self._spawned.send("\r")

    def paste(self, text):
        self.begin(text)
        return self.answer()

    def press_ctrl_c(self):
        self._spawned.send("\x03")

    def wait_for(self, words):
        self._spawned.expect(words)

    def leave(self):
        self._spawned.sendeof()
        self._spawned.expect(pexpect.EOF)
        self._spawned.close()
        return self._spawned.exitstatus


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    """Give a session in an empty folder, with a new profile, slow enough to be interrupted."""
    return Terminal(tmp_path_factory.mktemp("shift"), "--speed", "5", "--no-live")


@pytest.mark.slow
def test_the_readme_is_pasted_and_runs(terminal):
    for word in ("station sim", "operando-out/store", "plans", "agents", "catalog", "Ctrl-C"):
        assert word in terminal.greeting
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)
    assert len(blocks) >= 2
    for block in blocks:
        said = terminal.paste(block.rstrip("\n"))
        assert "Error" not in said, said
    assert "120" in terminal.paste("agents.mapping.report()['points']")


@pytest.mark.slow
def test_ctrl_c_pauses_and_twice_aborts(terminal):
    long_map = "RE(plans.map_raster(shape=(12, 10), step=16.0, exposure=0.5))"
    terminal.begin(long_map)
    terminal.wait_for(r"map_raster: +\d+%.*[1-9]\d*/120")
    terminal.press_ctrl_c()
    said = terminal.answer()
    assert "paused, shutter closed" in said, said
    assert "RE.resume()" in said
    assert "Traceback" not in said
    assert "False" in terminal.paste("station.mapping.shutter.is_open")
    assert "paused" in terminal.paste("RE.state")
    terminal.begin("RE.resume()")
    terminal.wait_for(r"map_raster: +\d+%.*[1-9]\d*/120")
    terminal.press_ctrl_c()
    terminal.wait_for("Ctrl-C again aborts")
    terminal.press_ctrl_c()
    said = terminal.answer()
    assert "aborted" in said, said
    assert "False" in terminal.paste("station.mapping.shutter.is_open")
    assert "'abort'" in terminal.paste("catalog[-1].stop['exit_status']")
    measured = terminal.paste("print('measured', catalog[-1].stop['num_events']['primary'])")
    assert 1 <= int(re.search(r"measured (\d+)", measured.split("\n", 1)[1])[1]) < 120
    assert "'idle'" in terminal.paste("RE.state")
    assert terminal.leave() == 0


def test_a_wrong_station_file_is_one_line_and_status_2(tmp_path):
    (tmp_path / "mine.toml").write_text('[mapping]\nkind = "simulated"\nx_um = [5, -5]\n')
    said, status = pexpect.run(
        f'{sys.executable} -c "{COMMAND}" ipython --station mine.toml',
        cwd=tmp_path,
        withexitstatus=True,
        encoding="utf-8",
    )
    assert status == 2
    assert said.strip().splitlines() == [
        "operando: mine.toml, line 3: mapping.x_um is [5, -5]; "
        "[lowest, highest] within -1e+06 and 1e+06 is needed"
    ]
