"""Runs the simulated application: python -m deploy.simulator."""

from cekalwatch.program.cli.command import run
from deploy.simulator.cli import app

if __name__ == "__main__":
    run(app)
