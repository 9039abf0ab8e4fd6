"""Access tokens: for scripts that read or export the numbers of one handle."""

import streamlit as st

from analytics_core.ui import cards, personal_tokens, problems, view
from analytics_core.ui.base_path import base_path

with problems.told(stop=True):
    handle = view.handle_chooser()
    tokens = personal_tokens.of_handle(handle)

st.markdown(f"Scripts send a token as `Authorization: Bearer patv1_…` to `{base_path()}/v2/public/handles/…`.")
personal_tokens.just_made()
with cards.card("Make a token"):
    personal_tokens.make_form(handle)
with cards.card("Tokens"):
    personal_tokens.rows(handle, tokens)
