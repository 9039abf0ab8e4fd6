"""Audit: who did what with a handle, for its owners and for reviewers, who also see what belongs to no handle."""

from analytics_core.ui import audit_table, cards, problems, stray_post_table, view

with problems.told(stop=True):
    handle = view.handle_chooser()
    events = audit_table.events(handle)
    others = audit_table.of_the_platform()
    posts = stray_post_table.last_days()

with cards.card("Audit log", note="Times are UTC"):
    audit_table.table(events)
if others:
    with cards.card("Of no handle"):
        audit_table.table(others)
if posts:
    with cards.card("Posts without a handle", note="The last 30 days, UTC"):
        stray_post_table.table(posts)
