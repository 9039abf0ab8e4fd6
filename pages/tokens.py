"""Access tokens: for scripts that read or export the numbers of one handle."""

import streamlit as st

from analytics_core.ui import cards, problems, token_panel, view
from analytics_core.ui.base_path import base_path

with problems.told(stop=True):
    handle = view.handle_chooser()
    tokens = token_panel.of_handle(handle)

st.markdown(f"Scripts send a token as `Authorization: Bearer patv1_…` to `{base_path()}/v2/public/handles/…`.")
token_panel.just_made()
with cards.card("Make a token"):
    token_panel.make_form(handle)
with cards.card("Tokens"):
    token_panel.rows(handle, tokens)
