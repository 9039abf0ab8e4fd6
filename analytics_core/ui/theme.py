"""What configuration cannot say about the look: spacing, cards and bar lists, in colours that follow the mode."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ICON = Path(__file__).with_name("icon.png")

# Three lines of a ledger, the last one ticked.
_MARK = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 26 26' fill='none' stroke='%23000' "
    "stroke-width='2.4' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='M6.5 8h13M6.5 13h6M6.5 18h4"
    "M14 17l2.4 2.6L20 14'/%3E%3C/svg%3E"
)

_STYLE = (
    f"""<style>
.brand span::before {{ content: ""; position: absolute; inset: 0; background: light-dark(#ffffff, #0f1413);
  -webkit-mask: url("{_MARK}") center / contain no-repeat; mask: url("{_MARK}") center / contain no-repeat; }}
</style>"""
    + """<style>
.stApp { --line: light-dark(#dfe4e0, #2b3532); --muted: light-dark(#5b6763, #9aa8a3);
  --tint: light-dark(#dcede9, #1f3d37); --ink: light-dark(#1a2421, #e6ecea); font-variant-numeric: tabular-nums; }
[data-testid="stHeader"] { display: none; }
[data-testid="stMainBlockContainer"] { max-width: 1180px; padding: 1rem 1.5rem 3rem; }
[data-testid="stHeaderActionElements"] { display: none; }
.st-key-cookie { display: none; }

.brand { display: flex; align-items: center; gap: .6rem; font-weight: 650; font-size: 1.1rem; color: var(--ink);
  letter-spacing: -.01em; white-space: nowrap; }
.brand span { position: relative; width: 1.7rem; height: 1.7rem; border-radius: .45rem; flex: none;
  background: light-dark(#0f6b5f, #4cc3ae); }
.st-key-header { border-bottom: 1px solid var(--line); padding-bottom: .6rem; margin-bottom: .2rem; }

[class*="st-key-card-"] { border: 1px solid var(--line); border-radius: .8rem; padding: 1.1rem 1.25rem 1.15rem;
  min-width: 0; }
.title { display: flex; justify-content: space-between; align-items: baseline; gap: .2rem 1rem; flex-wrap: wrap; }
.title h3 { font-size: 1.05rem; font-weight: 600; padding: 0; margin: 0; }
[data-testid="stMetric"] { border-color: var(--line); border-radius: .8rem; }
[data-testid="stMetricValue"] { letter-spacing: -.02em; }

[class*="st-key-bars-"] > [data-testid="stElementContainer"] { margin: 0; }
[class*="st-key-bars-"] [data-testid="stPageLink"] a { padding: 0 .6rem; min-height: 2rem; border-radius: .4rem;
  background: linear-gradient(to right, var(--tint) var(--share), transparent var(--share)); }
[class*="st-key-bars-"] [data-testid="stPageLink"] a:hover { box-shadow: inset 0 0 0 1px var(--muted); }
[class*="st-key-bars-"] a > span, [class*="st-key-bars-"] a [data-testid="stMarkdownContainer"] { width: 100%;
  max-width: none; }
[class*="st-key-bars-"] a p { display: flex; gap: .75rem; width: 100%; font-size: .95rem; color: var(--ink); }
[class*="st-key-bars-"] a p strong { margin-left: auto; font-weight: 600; }

.legend { display: flex; gap: 1.1rem; color: var(--muted); font-size: .87rem; flex-wrap: wrap; }
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.legend i { width: .85rem; height: .85rem; border-radius: .2rem; display: inline-block; }
.legend .qualified { background: light-dark(#0f766e, #4cc3ae); }
.legend .bots { background: repeating-linear-gradient(-45deg, light-dark(#b9770e, #f0b35a) 0 2px, transparent 2px 4px);
  box-shadow: inset 0 0 0 1px light-dark(#b9770e, #f0b35a); }
.js-plotly-plot :is(.xtick, .ytick, .bars, .hoverlayer) text { fill: light-dark(#55605c, #c3cdc9) !important; }

.factor { display: flex; gap: .75rem; justify-content: space-between; padding: .45rem 0;
  border-top: 1px solid var(--line); font-size: .93rem; }
.factor b { white-space: nowrap; font-weight: 600; }
.state { text-align: center; max-width: 34rem; margin: 3rem auto 0; color: var(--muted); }
.state h2 { color: var(--ink); font-size: 1.2rem; padding: .4rem 0 .2rem; }
.st-key-revenue { border-color: var(--line); border-radius: .8rem; }
.revenue span { font-size: .875rem; }
.revenue ul { list-style: none; margin: .3rem 0 0; padding: 0; font-size: 1.2rem; line-height: 1.5; }
.problem { border-left: 3px solid light-dark(#b3372f, #f08a80); padding: .2rem 0 .2rem .9rem; margin: .4rem 0; }
.problem p { margin: 0 0 .3rem; }
.muted { color: var(--muted); font-size: .9rem; }

.st-key-signin { max-width: 26rem; margin: 8vh auto 0; }
.st-key-signin h1 { padding: 0; }
.st-key-demo-users button > div { width: 100%; justify-content: flex-start; }
.st-key-demo-users button p { display: flex; flex-wrap: wrap; gap: .1rem .6rem; text-align: left; }
[data-testid^="stBaseButton-primary"]:not(:disabled) p { color: light-dark(#ffffff, #0f1413); }
[data-testid="stPopoverButton"] p { color: var(--ink); }

@media (max-width: 640px) {
  /* Figures two by two; the last, which may be a long amount, has a row of its own, and of an even number the first. */
  [data-testid="stGrid"]:has([data-testid="stMetric"]) { grid-template-columns: 1fr 1fr !important; gap: .6rem; }
  [data-testid="stGrid"]:has([data-testid="stMetric"]) > :is(:last-child, :first-child:nth-last-child(even)) {
    grid-column: 1 / -1; }
  [data-testid="stMetric"] :has(> [data-testid="stMetricDeltaDescription"]) { flex-wrap: wrap; }
  [data-testid="stGrid"] > :not(:last-child) [data-testid="stMetricValue"] { font-size: 1.5rem; }
  [data-testid="stMainBlockContainer"] { padding: .7rem .9rem 3rem; }
  [class*="st-key-card-"] { padding: .9rem .95rem 1rem; }
  .st-key-header .brand { font-size: 0; gap: 0; }
  .st-key-header [data-testid="stPageLink"] span:has(> [data-testid="stIconMaterial"]) { display: none; }
}
</style>"""
)


def apply() -> None:
    """Styles the page; called once by the frame."""
    st.html(_STYLE)


def brand() -> None:
    st.html('<div class="brand"><span></span>Clickledger</div>', width="content")
