"""All that reads documents, fed with streams that may be broken, and what must hold of it."""

import contextlib
import io
import logging
import math
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from operando.agents.bayes_config import BayesOptConfig, Knob
from operando.agents.bayes_opt import BayesOptAgent
from operando.agents.focus_agent import FocusAgent
from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.agents.relaxation import RelaxationConfig, RestRule
from operando.agents.soc_stepper import SocStepper
from operando.errors import BadInput, OperandoError
from operando.live.drawing import Drawing
from operando.store.intake import Intake
from operando.store.journal import read, seal, unseal
from operando.store.recovery import close_run
from support.good_runs import frames_file, good_run
from support.loading import agent_config

#: Longest time that whoever measures may be held up by a document, and an agent may work on a
#: stream of a dozen of them, s; both with room for a machine that has other things to do.
HELD_UP_S, WORK_S = 2.0, 60.0


def new_agent(kind):
    """Make an agent of a kind, cheap where there is a choice."""
    if kind == "mapping":
        return PhaseMappingAgent()
    if kind == "kinetics":
        return KineticsAgent(agent_config())
    if kind == "battery":
        return SocStepper()
    if kind == "focus":
        return FocusAgent()
    config = BayesOptConfig((Knob("x", -1.0, 1.0),), objective="y", noise=0.01, seed=1)
    return BayesOptAgent(config)


def answer(kind, agent):
    """What an agent knows of the run that began last, to be compared."""
    agent.drain(WORK_S)
    if kind == "mapping":
        memory = agent.memory()
        return memory.visits.tolist(), np.nansum(memory.intensity, axis=1).tolist()
    if kind == "kinetics":
        record = agent.record()
        told = agent.report()
        return len(record.updates), record.valve_time, told["t0"]["mean"], told["model"]
    if kind == "battery":
        rows = agent.rows()
        return [(row["index"], row["soc"], row["status"], row["notes"]) for row in rows]
    if kind == "focus":
        agent.profiles()
        return [(one.scan.direction, one.fit.fwhm, one.fit.centre) for one in agent.present()]
    return agent.points().settings.tolist()[-5:], agent.points().values.tolist()[-5:]


class Heard(logging.Handler):
    """What was said in the log."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        """Keep a line."""
        self.lines.append(record.getMessage())


@dataclass
class Found:
    """What a machine has seen.

    Parameters
    ----------
    streams : Counter
        By kind and fault.
    failed : Counter
        Agents that said that they failed, by kind; that is how it should be.
    wrong : list of str
        What should not be.
    """

    streams: Counter = field(default_factory=Counter)
    failed: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)


class Machine:
    """One agent of each kind, a journal, a live picture and a rest rule, with streams coming in.

    Parameters
    ----------
    folder : Path
        Empty; for frames, journals and pictures.
    kinds : sequence of str
        Of the agents.
    expected : dict, optional
        Of another machine of the same kinds: what they answer after a good run.
    """

    def __init__(self, folder, kinds, expected=None):
        self.folder, self.kinds = folder, tuple(kinds)
        self.frames = frames_file(folder)
        self.found = Found()
        self.heard = Heard()
        self.agents = {kind: new_agent(kind) for kind in self.kinds}
        self.expected = expected or {kind: self._expected(kind) for kind in self.kinds}
        (folder / "journal").mkdir(exist_ok=True)
        self._journals = {}
        self.intake = Intake(folder / "journal", self._note)
        self.said = io.StringIO()
        self.drawing = Drawing(folder / "live.png", io.BytesIO(), 2.0)
        self.rule = RestRule(RelaxationConfig())
        self._quiet = contextlib.ExitStack()

    def __enter__(self):
        logger = logging.getLogger("operando")
        logger.addHandler(self.heard)
        self._quiet.callback(logger.removeHandler, self.heard)
        self._quiet.callback(setattr, logger, "propagate", logger.propagate)
        logger.propagate = False
        self._quiet.enter_context(contextlib.redirect_stdout(self.said))
        self._quiet.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        return self

    def __exit__(self, *_):
        self._quiet.close()
        for agent in self.agents.values():
            agent.close()
        self.drawing.panel.close()

    def _note(self, uid, journal, name):
        self._journals[uid] = journal

    def _expected(self, kind):
        agent = new_agent(kind)
        for name, doc in good_run(kind, self.frames):
            agent(name, doc)
        try:
            return answer(kind, agent)
        finally:
            agent.close()

    def feed(self, kind, documents, faults):
        """Hand a broken stream to an agent and to the store, as a RunEngine would."""
        self.found.streams.update([kind, *faults])
        agent, said = self.agents[kind], len(self.heard.lines)
        # A stream without a start belongs to the run in which the agent failed.
        was_out = agent.error is not None
        where = f"{kind} with {', '.join(faults)}"
        for name, doc in documents:
            for callback in (self.intake, agent):
                began = time.perf_counter()
                try:
                    callback(name, doc)
                except Exception as error:
                    self._wrong(f"{where}: {type(callback).__name__} raised {error!r}")
                if time.perf_counter() - began > HELD_UP_S:
                    self._wrong(f"{where}: {type(callback).__name__} held the run up")
        self._settle(where, agent, said, was_out)

    def _settle(self, where, agent, said, was_out):
        """Wait for the agent; a failure must be named, in its answer and in the log."""
        try:
            agent.drain(WORK_S)
        except OperandoError as error:
            words = str(error)
            if agent.error is None:
                self._wrong(f"{where}: {words}")
                return
            self.found.failed.update([where.split()[0]])
            if "(" not in words or len(words.splitlines()) != 1:
                self._wrong(f"{where}: it does not say which document: {words!r}")
            if not was_out and not any("out of the run" in x for x in self.heard.lines[said:]):
                self._wrong(f"{where}: the log does not say that it failed")
        except Exception as error:
            self._wrong(f"{where}: drain raised {error!r}")

    def ask(self, kind):
        """Ask the agent everything; it may refuse, in words."""
        agent = self.agents[kind]
        for question in (agent.should_stop, agent.suggest, agent.report):
            began = time.perf_counter()
            try:
                question()
            except OperandoError as error:
                if not str(error):
                    self._wrong(f"{kind}: {question.__name__} refused without a word")
            except NotImplementedError:
                pass
            except Exception as error:
                self._wrong(f"{kind}: {question.__name__} raised {error!r}")
            if time.perf_counter() - began > WORK_S:
                self._wrong(f"{kind}: {question.__name__} hung")

    def good(self, kind):
        """A good run must be read as if nothing had been before it."""
        agent = self.agents[kind]
        for name, doc in good_run(kind, self.frames):
            self.intake(name, doc)
            agent(name, doc)
        try:
            found = answer(kind, agent)
        except Exception as error:
            self._wrong(f"{kind}: a good run after broken ones: {error!r}")
            self.renew(kind)
            return
        if found != self.expected[kind]:
            self._wrong(f"{kind}: {found} of a good run after broken ones")
            self.renew(kind)

    def renew(self, kind):
        """Put a new agent in the place of one."""
        self.agents[kind].close()
        self.agents[kind] = new_agent(kind)

    def journals(self):
        """Every journal must be whole, and can be closed by whoever finds it after a crash."""
        for uid, journal in list(self._journals.items()):
            if journal.held:  # no name of a file: it is told, and the run waits in memory
                del self._journals[uid]
                continue
            entries = [entry for _, entry in read(journal.path)]
            if None in entries:
                self._wrong(f"journal {uid!r} has a damaged line {entries.index(None)}")
            try:
                close_run(journal, self.folder / "damaged")
            except Exception as error:
                self._wrong(f"journal of {len(entries)} documents: {error!r}")
            journal.close()
            journal.path.unlink(missing_ok=True)
            del self._journals[uid]
        self.intake = Intake(self.folder / "journal", self._note)

    def picture(self, documents, *, draw):
        """The live picture may stand still, and says so; the next run has one again."""
        for n, (name, doc) in enumerate(documents):
            entry = unseal(seal(n, name, doc))
            if entry is None:
                self._wrong(f"the line of a {name} cannot be read again")
                continue
            try:
                self.drawing._take(entry)
            except Exception as error:
                self._wrong(f"the process that draws would end: {error!r}")
        if draw:
            self.drawing._save()

    def rest(self, pick, odd):
        """The rule that ends a rest answers, or refuses in words, whatever the voltages are."""
        times = np.arange(0.0, 120.0, 4.0)
        values = (3.7 + 0.02 * np.exp(-times / 40.0)).tolist()
        times = times.tolist()
        for column in (times, values):
            if pick.below(2):
                column[pick.below(len(column))] = pick.one(odd)
            if pick.below(8) == 0:
                del column[pick.below(len(column)) :]
        try:
            stop, why = self.rule.decide(times, values)
            if not isinstance(why, str) or (stop and not math.isfinite(sum(map(float, values)))):
                self._wrong(f"rest ended ({why}) with {values}")
        except BadInput:
            pass
        except Exception as error:
            self._wrong(f"the rule of a rest raised {error!r}")

    def _wrong(self, words):
        if len(self.found.wrong) < 200:
            self.found.wrong.append(" ".join(words.split())[:400])
