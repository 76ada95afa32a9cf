"""Demonstrations that go wrong on purpose, and what must hold of each."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from operando.store import open_store
from operando.store.journal import SUFFIX, read
from support.notes import notes_of

TESTS = Path(__file__).parents[1]
#: Words of the demonstrations, small ones.
DEMOS = {
    "mapping": ("demo mapping --seed 3 --shape 8x6 --step 15", "map_two_pass"),
    "mapping, slow": ("demo mapping --seed 3 --shape 8x6 --step 15 --speed 20", "map_two_pass"),
    "kinetics": ("demo kinetics --seed 3 --period 0.7 --longest 12", "watch_kinetics"),
    "battery": ("demo battery --seed 3 --step 0.4 --until 4.7", "soc_stepped"),
}
#: How often each is taken.
SHARES = {"mapping": 8, "mapping, slow": 4, "kinetics": 5, "battery": 3}
KINDS = {
    "SIGKILL": 5,
    "SIGTERM": 4,
    "SIGINT once": 2,
    "SIGINT twice": 3,
    "out of memory": 3,
    "file limit": 2,
    "full disk": 3,
    "read-only disk": 1,
    "clock jump": 3,
}
#: Longest time for a command to end, s.
LIMIT_S = float(os.environ.get("OPERANDO_FAULT_LIMIT", "240"))
#: By these a process dies where the memory is used up inside a library.
_DIED_OF_MEMORY = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}


@dataclass(frozen=True)
class Trial:
    """One fault in one demonstration.

    Parameters
    ----------
    number : int
    demo, kind : str
    fault : dict
        See `support.injections`.
    """

    number: int
    demo: str
    kind: str
    fault: dict


@dataclass
class Outcome:
    """What came of a trial.

    Parameters
    ----------
    trial : Trial
    happened : bool
        Whether the fault came before the command had ended.
    problems : list of str
        What did not hold.
    """

    trial: Trial
    happened: bool
    problems: list = field(default_factory=list)


@dataclass
class Ended:
    """How a command ended, what it said, and what was noted of it."""

    status: int | None
    out: str
    err: str
    notes: list

    @property
    def result(self):
        """What ``--json`` printed; None if it did not."""
        with contextlib.suppress(ValueError, IndexError):
            return json.loads(self.out.splitlines()[-1])
        return None

    @property
    def documents(self):
        """Name, run, parent, numbers and plan of each document that was taken."""
        return [json.loads(line[2:]) for line in self.notes if line.startswith("D ")]

    @property
    def unsafe(self):
        """Devices that were not left in a safe state."""
        last = dict(line.split()[1:] for line in self.notes if line.startswith("H "))
        return sorted(device.split("@")[0] for device, state in last.items() if state == "unsafe")


class Laboratory:
    """A store, and a process that has commands go wrong in it; a context manager.

    Parameters
    ----------
    folder : Path
    catalog : Path, optional
        An empty one, to spare the time of making it.
    """

    def __init__(self, folder, catalog=None):
        self.folder, self.disk = folder, folder / "disk"
        self.notes = folder / "notes"
        self.notes.mkdir(parents=True)
        self.disk.mkdir()
        self.mounted = mount(self.disk)
        self.store = self.disk / "store"
        if catalog is not None:
            self.store.mkdir()
            shutil.copy(catalog, self.store / "catalog.db")
        else:
            open_store(self.store).close()
        self.baselines, self.lengths = {}, {}

    def __enter__(self):
        environment = {**os.environ, "OPHYD_CONTROL_LAYER": "dummy", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.faulty_process", str(self.store), str(self.notes)],
            cwd=TESTS,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.disk)], check=True)

    def command(self, name, words, fault=None, *, pictures=False):
        """Run a command in a child; one that does not end is killed, and has no status."""
        words = [*words, "--json", "--store", str(self.store)]
        if words[0] == "demo":
            words += ["--out", str(self.folder / "out")]
        task = {"name": name, "words": words, "fault": fault, "pictures": pictures}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        deadline, hung = time.monotonic() + LIMIT_S, False
        while Path(f"/proc/{child}/cmdline").exists() and not hung:
            if hung := time.monotonic() > deadline:
                os.kill(child, signal.SIGUSR1)  # says where, see <name>.hang
                time.sleep(1.0)
                os.kill(child, signal.SIGKILL)
            time.sleep(0.02)
        status = int(self._process.stdout.readline())
        out, err = ((self.notes / f"{name}.{kind}").read_text() for kind in ("out", "err"))
        notes = notes_of(self.notes / f"{name}.notes")
        return Ended(None if hung else status, out, err, notes)

    def baseline(self, demo):
        """Return what a demonstration finds when nothing goes wrong."""
        if demo not in self.baselines:
            if demo == "battery":  # its references, once
                self.command("references", DEMOS[demo][0].split())
            began = time.monotonic()
            ended = self.command(f"baseline-{demo.replace(', ', '-')}", DEMOS[demo][0].split())
            assert ended.status == 0, ended.err
            self.baselines[demo] = ended.result
            self.lengths[demo] = len(ended.documents), time.monotonic() - began
        return self.baselines[demo]

    def possible(self):
        """Return the kinds of faults that can be made here."""
        needs_mount = ("full disk", "read-only disk")
        return {kind: n for kind, n in KINDS.items() if self.mounted or kind not in needs_mount}

    def trial(self, number, seed, demo=None, kind=None):
        """Draw a fault: demonstration, kind and moment are by chance where they are not given."""
        chance = random.Random(f"{seed}-{number}")
        kinds = self.possible()
        drawn = chance.choices(list(SHARES), list(SHARES.values()))[0]
        demo = demo or drawn
        drawn = chance.choices(list(kinds), list(kinds.values()))[0]
        kind = kind or drawn
        self.baseline(demo)
        documents, seconds = self.lengths[demo]
        fault = {"kind": kind, "delay": chance.uniform(0.0, 0.03), "disk": str(self.disk)}
        if chance.random() < 0.8:
            fault["documents"] = chance.randint(1, documents - 1)
        else:
            fault["seconds"] = chance.uniform(0.0, 0.9 * seconds)
        amounts = {
            "SIGINT twice": chance.uniform(0.06, 0.5),
            "out of memory": chance.uniform(0.0, 64e6),
            "file limit": chance.uniform(10e3, 400e3),
            "full disk": chance.uniform(0.0, 200e3),
            "clock jump": chance.choice([-1, 1]) * 10 ** chance.uniform(0.0, 5.0),
        }
        fault["amount"] = amounts.get(kind, 0.0)
        return Trial(number, demo, kind, fault)

    def attempt(self, trial):
        """Have a fault happen; say what did not hold."""
        name, words = f"{trial.number:04d}", DEMOS[trial.demo][0].split()
        with self._disk_of(trial):
            ended = self.command(name, words, trial.fault, pictures=trial.number % 10 == 0)
        happened = trial.kind == "read-only disk" or any(line[0] == "F" for line in ended.notes)
        outcome = Outcome(trial, happened)
        if not happened:
            return outcome
        problems = outcome.problems
        problems += how_it_ended(trial, ended)
        problems += self._left_running(name)
        problems += self._goes_on(trial, ended)
        problems += self._kept(ended)
        return outcome

    @contextlib.contextmanager
    def _disk_of(self, trial):
        if trial.kind == "read-only disk":
            subprocess.run(["mount", "-o", "remount,ro", str(self.disk)], check=True)
        try:
            yield
        finally:
            if trial.kind == "read-only disk":
                subprocess.run(["mount", "-o", "remount,rw", str(self.disk)], check=True)
            (self.disk / "ballast").unlink(missing_ok=True)

    def _left_running(self, name):
        """Name what the command started and left behind."""
        deadline = time.monotonic() + 30.0
        while (left := processes_of(name)) and time.monotonic() < deadline:
            time.sleep(0.1)
        for number in left:
            os.kill(number, signal.SIGKILL)
        return [f"{len(left)} processes are left"] if left else []

    def _goes_on(self, trial, ended):
        """Resume or replay, and compare with what is found when nothing goes wrong."""
        plan, name = DEMOS[trial.demo][1], f"{trial.number:04d}-after"
        begun = [uid for kind, uid, *_, what in ended.documents if (kind, what) == ("start", plan)]
        whole = ended.status == 0 and trial.demo != "kinetics"
        if not begun or (whole and trial.kind in ("full disk", "file limit")):
            # What opens the store takes up what was left behind.
            if (found := one_line(self.command(name, ["runs"]), "runs")) or not begun:
                return found
        if whole:
            return differences(trial.demo, self.baseline(trial.demo), ended.result)
        if trial.demo == "kinetics":
            replayed = self.command(name, ["replay", begun[0], "--verify"])
            return one_line(replayed, "replay") or same_if_whole(self, trial, ended)
        words = DEMOS[trial.demo][0].replace(" --speed 20", "").split()
        resumed = self.command(name, [*words, "--resume", begun[0]])
        if trial.demo == "battery" and "nothing to resume" in resumed.err:
            stops = [doc for doc in ended.documents if doc[0] == "stop" and doc[1] == begun[0]]
            return [] if stops else ["there is said to be nothing to resume"]
        if found := one_line(resumed, "resume"):
            return found
        return differences(trial.demo, self.baseline(trial.demo), resumed.result)

    def _kept(self, ended):
        """Look whether every document that was taken is in the journal, once and in order."""
        problems = []
        for uid in {uid for kind, uid, *_ in ended.documents if kind == "start"}:
            entries = self.journal(uid)
            if entries is None:
                problems.append(f"run {uid[:8]} has no journal")
                continue
            streams = {e.doc["uid"] for e in entries if e.name == "descriptor"}
            kept = Counter(told(e.name, e.doc, streams) for e in entries if e.name in _TOLD)
            noted = Counter(
                (name, parent, json.dumps(numbers))
                for name, run, parent, numbers, _ in ended.documents
                if run == uid or parent in streams
            )
            if lost := sum((noted - kept).values()):
                problems.append(f"{lost} of {sum(noted.values())} documents are lost")
            if [e.n for e in entries] != list(range(len(entries))):
                problems.append("the journal has a gap")
            if entries[-1].name != "stop":
                problems.append(f"run {uid[:8]} is not closed")
        return problems

    def journal(self, uid):
        """Return what the journal has of a run."""
        folder = self.store / "journal"
        for path in (folder / f"{uid}{SUFFIX}", folder / "sent" / f"{uid}{SUFFIX}"):
            if path.exists():
                return [entry for _, entry in read(path) if entry is not None]
        return None

    def in_tiled(self):
        """Say which runs Tiled has otherwise than the journal, or not at all."""
        problems = []
        with open_store(self.store, create=False) as store:
            problems += [f"{one.uid[:8]} waits: {one.problem}" for one in store.sync().waiting]
            for path in (self.store / "journal").rglob(f"*{SUFFIX}"):
                want = [(entry.name, entry.doc) for entry in self.journal(path.stem)]
                if list(store.documents(path.stem, "tiled")) != want:
                    problems.append(f"{path.stem[:8]} is another in Tiled")
            return len(store), problems


_TOLD = ("start", "descriptor", "event", "event_page", "stop")


def told(name, doc, streams):
    """Return what `support.faulty_process` notes of a document."""
    parent = doc.get("descriptor", doc.get("uid", ""))
    return name, parent, json.dumps(doc.get("seq_num", ""))


def mount(folder):
    """Make a folder a disk of its own, where that is permitted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1500m", "tmpfs", str(folder)]
    if os.geteuid() or shutil.which("mount") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def processes_of(name):
    """List the processes that a trial's command has started."""
    wanted, found = f"OPERANDO_TRIAL={name}\0".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def how_it_ended(trial, ended):
    """Say what is wrong with the way in which a command ended."""
    if ended.status is None:
        return ["it hung"]
    problems, died = [], ended.status == -signal.SIGKILL
    if trial.kind == "out of memory" and ended.status in _DIED_OF_MEMORY:
        died = True
    if not died and ended.unsafe:
        problems.append(f"left unsafe: {', '.join(ended.unsafe)}")
    if "Traceback" in ended.err:
        problems.append(f"a traceback: {ended.err.strip().splitlines()[-1][:200]}")
    allowed = {
        "SIGKILL": {-signal.SIGKILL},
        "SIGTERM": {128 + signal.SIGTERM, -signal.SIGTERM},
        "SIGINT once": {0, 130},
        "SIGINT twice": {130},
        "out of memory": {0, 1, *_DIED_OF_MEMORY},
        "file limit": {0, 1},
        "full disk": {0, 1},
        "read-only disk": {1, 2},
        "clock jump": {0},
    }[trial.kind]
    if ended.status not in allowed:
        problems.append(f"it ended with {ended.status}: {ended.err.strip()[-200:]}")
    if ended.status in (1, 2) and "operando: " not in ended.err.strip().splitlines()[-1]:
        problems.append(f"no clear line: {ended.err.strip()[-200:]}")
    return problems


def one_line(ended, what):
    """Say why a command that should have done its work did not."""
    if ended.status == 0 and "Traceback" not in ended.err:
        return []
    return [f"{what} ended with {ended.status}: {ended.err.strip()[-300:]}"]


def same_if_whole(laboratory, trial, ended):
    """Compare a record that came to its end."""
    if ended.status != 0:
        return []
    return differences(trial.demo, laboratory.baseline(trial.demo), ended.result)


def differences(demo, want, got):
    """Say how the result of a demonstration differs from that when nothing goes wrong.

    The noise of what is measured again is another, so numbers agree within their own errors.
    """
    if got is None:
        return ["there is no result"]
    if demo == "kinetics":
        return [] if got["frames"] == want["frames"] else [f"{got['frames']} frames"]
    if demo == "battery":
        same = got["soc_steps"] == want["soc_steps"] and got["failed_steps"] == []
        close = abs(got["final_soc"] - want["final_soc"]) < 0.005 and got["lcf_rms"] <= 0.02
        return [] if same and close else [f"another charge: {short(got)}, not {short(want)}"]
    same = got["measured"] == want["measured"] and abs(got["dwell_s"] / want["dwell_s"] - 1) < 1e-6
    share = want["exact_match_expected"]
    error = (share * (1 - share) / want["points"]) ** 0.5
    close = abs(got["exact_match_expected"] - share) < 2 * 2**0.5 * error
    return [] if same and close else [f"another map: {short(got)}, not {short(want)}"]


def short(result):
    """Pick the numbers of a result that are compared."""
    keys = ("measured", "dwell_s", "exact_match_expected", "soc_steps", "final_soc", "lcf_rms")
    return {key: result[key] for key in keys if key in result}
