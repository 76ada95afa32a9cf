"""What may be said about the law, and what may not: no certainty that is not there."""

from __future__ import annotations

import math

from operando.agents.kinetics_summary import KineticsSummary

#: Probability from which a law is called found, and Bayes factor from which one is ruled out.
CERTAIN, RULED_OUT = 0.95, 100.0
#: Probability from which the process is said to have begun.
BEGUN = 0.99


def odds(summary: KineticsSummary) -> dict[str, float]:
    """Bayes factor of the best law against each other one, infinite beyond 10³⁰⁰."""
    best = summary.models[summary.best].log_evidence
    return {
        name: math.exp(min(best - model.log_evidence, 690.0))
        for name, model in summary.models.items()
        if name != summary.best
    }


def verdict(summary: KineticsSummary) -> str:
    """Say in one sentence what is known of the law.

    Parameters
    ----------
    summary : KineticsSummary

    Returns
    -------
    str
        "cannot tell yet …" unless one law has a probability of 95 % among those compared. The
        laws that are ruled out (Bayes factor above 100) are named in either case. When the onset
        must not be believed, the reason.
    """
    if summary.p_begun < BEGUN:
        return f"nothing has begun yet (probability of an onset so far {summary.p_begun:.2g})"
    if summary.doubt:
        return summary.doubt
    against = odds(summary)
    out = sorted(name for name, factor in against.items() if factor > RULED_OUT)
    left = sorted(
        (name for name in summary.models if name not in out),
        key=lambda name: -summary.models[name].probability,
    )
    ruled_out = f"; ruled out (odds above {RULED_OUT:g}): {', '.join(out)}" if out else ""
    shares = [f"{name} {summary.models[name].probability:.2f}" for name in left]
    if summary.models[summary.best].probability >= CERTAIN:
        return f"{shares[0]}{ruled_out}"
    return f"cannot tell yet between {', '.join(shares)}{ruled_out}"
