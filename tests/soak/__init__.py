"""A hostile run of the whole product against an oracle of plain Python: `make soak`.

Real processes (`python -m ingest sync`, `compact`, `accounts`, `deliver`, and the API's server) work side by side on
one lake and database while logs arrive out of order and people post conversions; then they are killed at random
instants. After every round the API's answers, the ledger, the deliveries and `verify` are compared with what the lines
that were written say.
"""
