"""The commands of what answers questions, a module each (see `analytics_core/command_line.py`)."""

from typing import Final

COMMANDS: Final = {
    "serve": "serve dashboard and API in one process",
    "token": "print an access token (JWT) for development",
    "explain": "print the SQL of a question, and the engine's plan of it",
    "deliver": "make the scheduled exports that are due",
    "deliveries": "add, list and remove scheduled exports, and show their runs",
}
