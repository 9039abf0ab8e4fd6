"""Audit: who did what with a handle, for its owners and for reviewers."""

from analytics_core.ui import audit_log, cards, problems, view

with problems.told(stop=True):
    handle = view.handle_chooser()
    events = audit_log.events(handle)
    others = audit_log.of_the_platform()

with cards.card("Audit log", note="Times are UTC"):
    audit_log.table(events)
if others:
    with cards.card("Of no handle"):
        audit_log.table(others)
