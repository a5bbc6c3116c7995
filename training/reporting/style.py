"""The page's style sheet, for light, dark and print. Colours are defined once; charts use c0 ... c7."""

import re

CHARTS = """
svg { display: block; } svg text { font-size: 10px; fill: var(--soft); }
.grid { stroke: var(--hair); stroke-width: 1; } .grid.zero { stroke: var(--soft); stroke-opacity: .55; }
.limit { stroke: var(--soft); stroke-dasharray: 2 2; }
.bar { stroke-width: 3; stroke-linecap: round; } .bar.before, .bar.even { stroke: var(--c7); } .bar.after { stroke:
  var(--c0); }
.bar { stroke-opacity: .5; } .bar.up { stroke: var(--good); } .bar.down { stroke: var(--bad); }
.pin.before { fill: var(--paper); stroke: var(--c7); stroke-width: 1.6; } .pin.after { fill: var(--c0); } .pin.even
  { fill: var(--c7); }
.pin.up { fill: var(--good); } .pin.down { fill: var(--bad); }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; } .raw { stroke-opacity: .28;
  stroke-width: 1; }
.mark { stroke: var(--wait); stroke-width: 1.2; stroke-dasharray: 3 2; }
.area { fill-opacity: .75; stroke: none; } .band { fill-opacity: .16; stroke: none; }
SERIES
""".replace(
    "SERIES",
    "\n".join(
        f".line.c{i} {{ stroke: var(--c{i}); }} .dot.c{i}, .area.c{i}, .band.c{i} {{ fill: var(--c{i}); }} "
        f".key .c{i} {{ color: var(--c{i}); }}"
        for i in range(8)
    ),
)
"""What the drawings of charts need."""

_PAGE = """
:root { --paper: #fcfbf8; --card: #ffffff; --ink: #23262b; --soft: #6b7078; --hair: #e5e2db; --wash: #f4f2ec;
  --good: #2b7a4b; --bad: #b3372f; --wait: #9a6a12;
  --c0: #2c6cb0; --c1: #d0712b; --c2: #38895a; --c3: #8659a8; --c4: #bf4f78; --c5: #24878f; --c6: #8a6f3a; --c7:
  #70757d; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --card: #1e2125; --ink: #dddfe2; --soft: #969ca5;
  --hair: #33373d; --wash: #24272c; --good: #6cc08c; --bad: #e98076; --wait: #d9ab57;
  --c0: #6ea8e6; --c1: #e79a5f; --c2: #6fbf8e; --c3: #b690d6; --c4: #e08aab; --c5: #5fbcc4; --c6: #c4a86e; --c7:
  #9aa0a8; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-variant-numeric:
  tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 48px 28px 96px; }
h1, h2 { font-family: Charter, "Iowan Old Style", "Source Serif 4", "Noto Serif", Georgia, serif; font-weight: 600;
  line-height: 1.2; }
h1 { font-size: 36px; margin: 0; display: flex; flex-wrap: wrap; gap: 14px; align-items: center; }
h2 { font-size: 25px; margin: 0; display: flex; gap: 12px; align-items: center; scroll-margin-top: 16px; }
h3 { font-size: 12px; letter-spacing: .07em; text-transform: uppercase; color: var(--soft); font-weight: 600;
  margin: 30px 0 8px; }
h4 { font-size: 14px; margin: 0; font-weight: 600; }
p { margin: 6px 0; } small { color: var(--soft); font-size: 12px; }
.over { font-size: 12px; letter-spacing: .1em; text-transform: uppercase; color: var(--soft); margin: 0 0 4px; }
.lead { font-size: 17px; color: var(--soft); } .facts { color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 10px 36px; margin: 20px 0 0; } dl div { min-width: 0; }
dt { font-size: 12px; color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
section { margin-top: 44px; padding-top: 28px; border-top: 1px solid var(--hair); }
.badge { font: 600 12px/1 system-ui, "Noto Sans", sans-serif; padding: 5px 9px; border-radius: 99px; border: 1px
  solid currentColor;
  white-space: nowrap; display: inline-block; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); } .plain { color: var(--soft);
  border-color: var(--hair); }
.strip { display: flex; flex-wrap: wrap; gap: 26px; margin: 30px 0 34px; }
.card { flex: 1 1 150px; position: relative; display: flex; flex-direction: column; align-items: flex-start; gap:
  2px; padding: 14px 16px;
  background: var(--card); border: 1px solid var(--hair); border-radius: 10px; color: inherit; text-decoration:
  none; }
a.card:hover { border-color: var(--soft); } .card.later { border-style: dashed; background: none; }
.card.later * { color: var(--soft); }
.card span:not(.badge) { font-size: 13px; color: var(--soft); } .card .badge { margin-top: 8px; }
.card .seconds { font-size: 19px !important; color: var(--ink) !important; }
.card:not(:last-child)::after { content: ""; position: absolute; right: -19px; top: 50%; width: 7px; height: 7px;
  margin-top: -4px;
  border: solid var(--soft); border-width: 1.5px 1.5px 0 0; transform: rotate(45deg); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 14px; }
th { text-align: left; font-weight: 500; font-size: 12px; color: var(--soft); padding: 0 22px 6px 0; white-space:
  nowrap; }
td { padding: 6px 22px 6px 0; border-top: 1px solid var(--hair); white-space: nowrap; vertical-align: middle; }
.recipes td + td { white-space: normal; overflow-wrap: anywhere; vertical-align: top; min-width: 90px; }
.recipes code { font-size: 12px; } h2 + .wide { margin-top: 12px; }
tr.sub td { border-top: 0; padding-top: 0; padding-bottom: 2px; font-size: 12.5px; color: var(--soft); line-height:
  1.3; }
tr.sub:has(+ tr:not(.sub)) td { padding-bottom: 9px; }
tr.sub td:first-child { padding-left: 14px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 22px 26px;
  margin-bottom: 22px; }
figure { margin: 0; display: flex; flex-direction: column; } figure svg { width: 100%; height: auto; margin-top:
  auto; } figcaption { font-weight: 600; font-size: 13.5px; }
.hero { max-width: 660px; margin-top: 8px; } .hero svg text { font-size: 7.5px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12.5px; color: var(--soft); }
.key i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 5px; background:
  currentColor; }
.hero .line { stroke-width: 1.2; }
.hover { stroke: var(--soft); stroke-width: .8; } output { font-size: 12px; color: var(--soft); min-height: 1.6em; }
.hover, output { visibility: hidden; } .read .hover, .read output { visibility: visible; }
.tools { margin-left: 8px; white-space: nowrap; } .tools button { border: 0; background: none; padding: 2px 4px;
  font-size: 11px; font-weight: 400; color: var(--soft); } .tools button:hover { color: var(--ink); }
.tools [aria-pressed=true] { color: var(--c0); font-weight: 600; } svg [hidden] { display: none; }
.plot { overflow: visible; } .zoomed .plot { overflow: hidden; } .plot * { vector-effect: non-scaling-stroke; }
.drag { fill: var(--c0); fill-opacity: .12; } svg[data-series] { touch-action: pan-y; user-select: none; }
.asked { display: grid; grid-template-columns: max-content 1fr; gap: 10px 22px; margin: 0 0 34px; }
.asked dt { font-size: 14px; font-weight: 600; color: var(--ink); } .asked p { margin: 0 0 4px; color: var(--ink); }
.asked p::before { font-weight: 700; margin-right: 7px; }
.asked p.good::before { content: "\\2713"; color: var(--good); }
.asked p.bad::before { content: "!"; color: var(--bad); }
.asked p.wait::before { content: "?"; color: var(--wait); }
.asked a { color: var(--soft); white-space: nowrap; } figure:target figcaption { color: var(--c0); }
figure { scroll-margin-top: 16px; }
.note { border-left: 3px solid var(--wait); padding: 2px 0 2px 14px; margin-top: 22px; }
.samples { display: grid; grid-template-columns: 1fr 1fr; gap: 14px 22px; } .samples.single { grid-template-columns:
  1fr; }
article { background: var(--card); border: 1px solid var(--hair); border-radius: 10px; padding: 12px 14px;
  min-width: 0; break-inside: avoid; }
article header { display: flex; gap: 10px; align-items: baseline; font-size: 12.5px; color: var(--soft); }
article footer { font-size: 12.5px; color: var(--soft); margin-top: 8px; overflow-wrap: anywhere; unicode-bidi:
  isolate; }
.reward { font-size: 14px; } .reward.none { color: var(--soft); }
.turn { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space:
  pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: isolate; margin-top: 8px; padding: 6px 10px; border-radius: 6px; max-height: 420px; overflow-y:
  auto; }
.turn::before { display: block; font: 600 10.5px/1.6 system-ui, "Noto Sans", sans-serif; letter-spacing: .05em;
  text-transform: uppercase; color: var(--soft); }
.prompt, .reference { background: var(--wash); } .prompt::before { content: "prompt"; } .reference::before { content:
  "reference"; } .reference { max-height: 120px; }
.think { color: var(--soft); border-left: 2px solid var(--hair); border-radius: 0; } .think::before { content:
  "thinking"; }
.answer { border-left: 2px solid var(--c0); border-radius: 0; } .answer::before { content: "answer"; color:
  var(--c0); }
.call { border-left: 2px solid var(--c3); border-radius: 0; } .call::before { content: "tool call"; color:
  var(--c3); }
.tool { background: var(--wash); border-left: 2px solid var(--c5); border-radius: 0 6px 6px 0; }
.tool::before { content: "tool response"; color: var(--c5); }
.special { font-size: 10px; color: var(--soft); border: 1px solid var(--hair); border-radius: 4px; padding: 0 4px;
  white-space: nowrap; }
.box { font-weight: 700; }
.filters { display: flex; flex-wrap: wrap; gap: 8px; margin: 12px 0; }
.filters input { flex: 1 1 240px; }
.filters input, .filters select, button { font: inherit; font-size: 13.5px; color: inherit; background: var(--card);
  border: 1px solid var(--hair); border-radius: 7px; padding: 6px 9px; min-width: 0; }
button { cursor: pointer; } .more { margin-top: 14px; }
.save { font-size: 13px; color: var(--soft); } .close { float: right; }
#browser article { cursor: pointer; } #browser > .samples > article { content-visibility: auto;
  contain-intrinsic-size: auto 260px; }
article:focus-visible, .filters :focus-visible, button:focus-visible { outline: 2px solid var(--c0);
  outline-offset: 1px; }
article.up { border-left: 3px solid var(--good); } article.down { border-left: 3px solid var(--bad); }
.tokens::before { content: "tokens"; } .tokens { border-left: 2px solid var(--c0); border-radius: 0; max-height:
  640px; }
.tokens span { border-radius: 2px; } .tokens .apart { color: var(--soft); border-bottom: 1px dotted var(--soft); }
.tokens .given { background: var(--wash); border-bottom: 2px solid var(--c5); }
article.opened { box-shadow: 0 0 0 1px var(--c0); } article > .facts { font-size: 12.5px; }
dialog label { display: block; margin-bottom: 12px; font-size: 13.5px; }
.tokens .plus { --tint: var(--good); } .tokens .minus { --tint: var(--bad); }
.tokens .level1 { background: color-mix(in srgb, var(--tint) 10%, transparent); }
.tokens .level2 { background: color-mix(in srgb, var(--tint) 20%, transparent); }
.tokens .level3 { background: color-mix(in srgb, var(--tint) 32%, transparent); }
label select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--hair);
  border-radius: 7px; padding: 4px 8px; max-width: 100%; }
.happened { margin-top: -8px; font-size: 13px; color: var(--soft); } .happened ul { margin: 0; padding-left: 18px;
  overflow-wrap: anywhere; unicode-bidi: isolate; }
.looks { font-size: 13.5px; color: var(--soft); } .looks a { color: inherit; }
.step { padding: 0; border: 0; background: none; } button.step { text-decoration: underline; } .faint { color:
  var(--soft); } .verdicts { font-size: 12.5px; color: var(--soft); margin: 8px 0 0; padding-left: 18px;
  overflow-wrap: anywhere; unicode-bidi: isolate; } .verdicts:empty { display: none; }
article details { margin-top: 8px; font-size: 13px; }
dialog { width: min(1080px, 94vw); max-height: 92vh; overflow: auto; color: inherit; background: var(--paper);
  border: 1px solid var(--hair); border-radius: 12px; padding: 18px 22px; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog h3 { margin-top: 4px; } dialog .samples { grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
details { margin-top: 16px; } summary { cursor: pointer; color: var(--soft); } details[open] > summary {
  margin-bottom: 14px; }
pre { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; background:
  var(--wash); padding: 16px 18px;
  border-radius: 8px; overflow-x: auto; margin: 0; }
@media (max-width: 720px) { main { padding: 24px 16px 64px; } .samples { grid-template-columns: 1fr; } .strip { gap:
  14px; }
  .card::after { display: none; } .asked { grid-template-columns: 1fr; gap: 2px; } .asked dd { margin-bottom: 10px; } }
@media print { .tools, .filters, .more, .save, .looks { display: none; }
  #browser > .samples > article { content-visibility: visible; }
  .happened ::details-content { content-visibility: visible; block-size: auto; }
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #555; --hair: #ccc; --wash: #f5f5f5; }
  main { max-width: none; padding: 0; } body { font-size: 11pt; } .turn { max-height: none; } figure, tr, .card {
  break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; } .charts { grid-template-columns: repeat(3, 1fr); } * { print-color-adjust:
  exact; } }
"""

STYLE = CHARTS + _PAGE
_NAMES = re.compile(r"(--\w+): (#[0-9a-f]{6})")


def chart_style() -> str:
    """The style of a drawing that stands alone: the light colours in place of their names, which other programs than
    browsers do not know."""
    colours = dict(_NAMES.findall(" ".join(_PAGE.partition("@media")[0].split())))
    return re.sub(r"var\((--\w+)\)", lambda name: colours[name[1]], CHARTS)
