"""The style sheet of the page that a check writes: light, dark, on a telephone and on paper."""

STYLE = """
:root { color-scheme: light dark; --text: #1c2733; --pale: #4a5663; --page: #ffffff;
  --box: #f4f6f8; --line: #cfd6dd; --link: #0b57a4; --good: #14602f; --goodbox: #e2f4e7;
  --bad: #9d1518; --badbox: #fdeaea; --bar: #3b78b5; --barbox: #a9c7e4 }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e4e9ee; --pale: #aab5c0;
  --page: #12171d; --box: #1c232b; --line: #3a4550; --link: #86bdf5; --good: #8fe0ae;
  --goodbox: #10301c; --bad: #ffb0aa; --badbox: #431a1b; --bar: #6aa7e3; --barbox: #2f4e6d } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 16px }
footer { padding-block: 32px }
h1, h2, h3 { line-height: 1.25 }
h1 { font-size: 1.75rem; margin: 0 }
h2 { font-size: 1.375rem; margin: 2.5rem 0 .75rem }
h3 { font-size: 1.0625rem; margin: 1.25rem 0 .5rem }
h3 code { font-weight: bold }
p { margin: .5rem 0 }
a { color: var(--link) }
ul { padding-left: 1.25rem }
code { font: .9375em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.good { color: var(--good) }
.bad { color: var(--bad) }
.pale { color: var(--pale) }
.small { font-size: .875rem }
.told { white-space: pre-wrap }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap }
.verdict { margin: 16px 0; padding: 16px; border-radius: 8px; border-left: 8px solid }
.verdict.good { background: var(--goodbox) }
.verdict.bad { background: var(--badbox) }
.verdict p { color: var(--text) }
nav ul { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; padding: 0; list-style: none }
nav a { display: flex; align-items: center; min-height: 44px; padding: 0 14px;
  border: 1px solid var(--line); border-radius: 22px; text-decoration: none }
/* relative: else what is unseen in it widens the page */
.scroll { position: relative; overflow: auto; border: 1px solid var(--line); border-radius: 8px }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal;
  font-variant-numeric: tabular-nums }
th, td { padding: 8px 12px; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap }
tbody tr:last-child > * { border-bottom: 0 }
thead th { background: var(--box) }
th:first-child { position: sticky; left: 0; background: var(--page) }
thead th:first-child { background: var(--box) }
tbody th { min-width: 7.5rem; max-width: 50vw; font-weight: normal; white-space: normal;
  overflow-wrap: anywhere }
tbody th .small { display: block }
td a { display: inline-flex; align-items: center; min-width: 44px; min-height: 44px }
article { margin: 16px 0; padding: 4px 16px 12px; border: 1px solid var(--line);
  border-left: 6px solid var(--bad); border-radius: 8px }
article.accepted { border-left-color: var(--pale) }
summary { display: list-item; min-height: 44px; padding: 10px 0; cursor: pointer;
  color: var(--link) }
.difference { margin: 8px 0; padding: 8px 12px; background: var(--box); border-radius: 6px }
dl { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: 2px 16px;
  margin: 4px 0 }
dt { color: var(--pale) }
dd { margin: 0 }
.bar { display: block; height: 12px; margin: 2px 0 8px; min-width: 2px; border-radius: 3px;
  background: var(--barbox) }
.bar.climb { background: var(--bar) }
.graph { max-height: 85vh; background: #ffffff }
.graph svg { display: block }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
@media (min-width: 60rem) { h1 { font-size: 2.25rem } }
@media (max-width: 40rem) {
  table { font-size: .875rem }
  th, td { padding: 8px 5px }
  tbody th { min-width: 5.5rem }
  td a { display: flex }
}
@media screen and (prefers-color-scheme: dark) {
  .graph { background: #000000 }
  .graph svg { filter: invert(1) hue-rotate(180deg) }
}
@media print {
  :root { color-scheme: light }
  body { font-size: 12px; print-color-adjust: exact }
  nav { display: none }
  th, td { white-space: normal; overflow-wrap: anywhere }
  article, tr { break-inside: avoid }
  .scroll { overflow: visible; max-height: none; border: 0 }
  .graph svg { max-width: 100%; height: auto; filter: none }
  details::details-content { content-visibility: visible; block-size: auto; opacity: 1 }
}
"""
