"""The frame of every page: sign-in, header, navigation. Streamlit runs it again at each interaction."""

import streamlit as st

from analytics_core.ui import address, signin, theme

st.set_page_config(page_title="Clickledger", page_icon=theme.ICON, layout="wide")
theme.apply()

pages = [
    st.Page("overview.py", title="Overview", icon=":material/monitoring:", default=True),
    st.Page("breakdown.py", title="Breakdown", icon=":material/bar_chart:"),
    st.Page("funnel.py", title="Funnel", icon=":material/filter_list:"),
]
of_owners = [
    st.Page("tokens.py", title="Access tokens", icon=":material/key:"),
    st.Page("audit.py", title="Audit log", icon=":material/history:"),
]
page = st.navigation([*pages, *of_owners], position="hidden")

actor = signin.gate()
with st.container(key="header", horizontal=True, vertical_alignment="center", gap="xsmall"):
    theme.brand()
    st.space("stretch")
    for each in pages:
        st.page_link(each, query_params=address.link())
    signin.account_menu(actor, of_owners)
page.run()
