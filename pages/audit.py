"""Audit: who did what with a handle, for its owners and for reviewers, who also see what belongs to no handle."""

from analytics_core.ui import audit_log, cards, problems, stray_posts, view

with problems.told(stop=True):
    handle = view.handle_chooser()
    events = audit_log.events(handle)
    others = audit_log.of_the_platform()
    posts = stray_posts.last_days()

with cards.card("Audit log", note="Times are UTC"):
    audit_log.table(events)
if others:
    with cards.card("Of no handle"):
        audit_log.table(others)
if posts:
    with cards.card("Posts without a handle", note="The last 30 days, UTC"):
        stray_posts.table(posts)
