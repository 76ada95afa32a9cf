"""The agents at the prompt, made when they are first wanted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.agents.coordinate_scan import CoordinateScanAgent
    from operando.agents.focus_agent import FocusAgent
    from operando.agents.kinetics_agent import KineticsAgent
    from operando.agents.phase_mapping import PhaseMappingAgent
    from operando.agents.soc_library import SocLibrary
    from operando.agents.soc_stepper import SocStepper
    from operando.agents.soc_table import SocTableAgent

_JOBS = ("mapping", "battery", "stepper", "kinetics", "focusing", "coordinates")


class Agents:
    """What reads the runs and says what they mean, by job.

    Plans of ``plans`` have their agent listen by themselves. ``agents.mapping.report()`` says what
    it knows; set ``agents.mapping = PhaseMappingAgent(...)`` to work with another one, and
    ``agents.renew("mapping")`` to begin anew. ``agents`` alone lists them.

    Parameters
    ----------
    seed : int
        Of those that draw random numbers.
    folder : Path
        Where they keep what a replay needs.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self._seed, self._folder = seed, folder
        self._made: dict[str, Any] = {}
        self._library: tuple[SocLibrary, str] | None = None
        self._lock = threading.RLock()

    @property
    def mapping(self) -> PhaseMappingAgent:
        """Labels a map while it is measured, and says where to look again."""
        agent: PhaseMappingAgent = self._agent("mapping")
        return agent

    @mapping.setter
    def mapping(self, agent: Any) -> None:
        self._put("mapping", agent)

    @property
    def battery(self) -> SocTableAgent:
        """Reduces every step of a charge to a row with uncertainties."""
        agent: SocTableAgent = self._agent("battery")
        return agent

    @battery.setter
    def battery(self, agent: Any) -> None:
        self._put("battery", agent)

    @property
    def stepper(self) -> SocStepper:
        """The same, and chooses the steps of ``plans.soc_adaptive``."""
        agent: SocStepper = self._agent("stepper")
        return agent

    @stepper.setter
    def stepper(self, agent: Any) -> None:
        self._put("stepper", agent)

    @property
    def kinetics(self) -> KineticsAgent:
        """Says when an uptake began, how fast it goes and by which law, while it goes on."""
        agent: KineticsAgent = self._agent("kinetics")
        return agent

    @kinetics.setter
    def kinetics(self, agent: Any) -> None:
        self._put("kinetics", agent)

    @property
    def focusing(self) -> FocusAgent:
        """Says where the mirrors go next, by Bayesian optimisation, and how small the beam is."""
        agent: FocusAgent = self._agent("focusing")
        return agent

    @focusing.setter
    def focusing(self, agent: Any) -> None:
        self._put("focusing", agent)

    @property
    def coordinates(self) -> CoordinateScanAgent:
        """The same one knob after the other, as by hand, for ``plans.focus_by_coordinates``."""
        agent: CoordinateScanAgent = self._agent("coordinates")
        return agent

    @coordinates.setter
    def coordinates(self, agent: Any) -> None:
        self._put("coordinates", agent)

    def renew(self, job: str) -> Any:
        """Put a new agent, which knows nothing, in the place of one, and return it."""
        if job not in _JOBS:
            raise BadInput(f"there is no agent {job!r}: {', '.join(_JOBS)}")
        self._put(job, None)
        return getattr(self, job)

    def use_references(self, library: SocLibrary) -> None:
        """Have the agents of charges to come work with these references.

        Parameters
        ----------
        library : SocLibrary
            Written to the store's folder, so that a replay finds it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"references-{library.version}.npz"
        library.save(path)
        with self._lock:
            self._library = library, str(path)
            self._put("battery", None)
            self._put("stepper", None)

    def made(self) -> list[Any]:
        """Return the agents that there are so far."""
        return list(self._made.values())

    def close(self) -> None:
        """Stop their threads."""
        for job in _JOBS:
            self._put(job, None)

    def _put(self, job: str, agent: Any) -> None:
        with self._lock:
            before = self._made.pop(job, None)
            if agent is not None:
                self._made[job] = agent
        if before is not None and before is not agent:
            before.close()

    def _agent(self, job: str) -> Any:
        with self._lock:
            if job not in self._made:
                self._made[job] = getattr(self, f"_new_{job}")()
            return self._made[job]

    def _new_mapping(self) -> Any:
        from operando.agents.phase_mapping import PhaseMappingAgent

        return PhaseMappingAgent()

    def _new_battery(self) -> Any:
        from operando.agents.soc_config import SocTableConfig
        from operando.agents.soc_table import SocTableAgent

        return SocTableAgent(SocTableConfig(library=self._library_path(), seed=self._seed))

    def _new_stepper(self) -> Any:
        from operando.agents.soc_config import SocStepperConfig
        from operando.agents.soc_stepper import SocStepper

        return SocStepper(SocStepperConfig(library=self._library_path(), seed=self._seed))

    def _new_kinetics(self) -> Any:
        from operando.agents.kinetics_agent import KineticsAgent, KineticsAgentConfig

        return KineticsAgent(KineticsAgentConfig(seed=self._seed))

    def _new_focusing(self) -> Any:
        from operando.agents.focus_agent import FocusAgent, FocusConfig

        return FocusAgent(FocusConfig(seed=self._seed))

    def _new_coordinates(self) -> Any:
        from operando.agents.coordinate_scan import CoordinateScanAgent
        from operando.agents.focus_config import FocusConfig

        return CoordinateScanAgent(FocusConfig(seed=self._seed))

    def _library_path(self) -> str:
        return self._library[1] if self._library else ""

    def __repr__(self) -> str:
        lines = []
        for job in _JOBS:
            about = str(getattr(type(self), job).__doc__)
            if job not in self._made:
                state = ""
            else:
                agent = self._made[job]
                state = f"  [{type(agent).__name__}{', out of the run' if agent.error else ''}]"
            lines.append(f"  agents.{job:<12} {about}{state}")
        return "\n".join([*lines, "agents.mapping.report() says what one knows"])
