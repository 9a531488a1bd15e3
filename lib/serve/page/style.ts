/** The page's style, for light and dark. */

export const style = `
:root {
  --ground: #f6f7f9; --card: #fff; --text: #16191f; --soft: #59616f; --rule: #d9dde4; --accent: #0b62d6;
  --on-accent: #fff; --track: #e6e9ee; --bad: #b3261e;
  color-scheme: light;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101318; --card: #181c23; --text: #e9ecf1; --soft: #a3abb8; --rule: #2d333d; --accent: #6aa8ff;
    --on-accent: #07162b; --track: #2a303a; --bad: #ff8a80;
    color-scheme: dark;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0 auto; max-width: 62rem; padding: 1.25rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.25rem; margin-bottom: 1rem; }
h1 { margin: 0; font-size: 1.5rem; letter-spacing: -.01em; }
h2 { margin: 0 0 .75rem; font-size: 1.1rem; }
p { margin: 0 0 .5rem; }
#state { margin: 0; color: var(--soft); }
#state.bad, p.bad { color: var(--bad); overflow-wrap: anywhere; }
section, form { margin-bottom: 1rem; padding: 1.1rem 1.25rem; border: 1px solid var(--rule); border-radius: .75rem;
  background: var(--card); }
main:focus { outline: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .25rem .5rem; background: var(--card); }
.only-spoken { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.hint { color: var(--soft); font-size: .875rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1.25rem 2rem; }
.paper { position: relative; width: 280px; max-width: 100%; line-height: 0; border-radius: .5rem;
  box-shadow: 0 0 0 1px var(--rule); }
#canvas { width: 100%; aspect-ratio: 1; border-radius: .5rem; background: #fff; touch-action: none; cursor: crosshair; }
#pen { position: absolute; width: 22px; height: 22px; margin: -11px; border: 2px solid var(--accent);
  border-radius: 50%; pointer-events: none; }
#pen.down { background: var(--accent); opacity: .7; }
@media (prefers-color-scheme: dark) { #canvas, #seen { filter: invert(1) hue-rotate(180deg); } }
.tools { display: flex; align-items: center; justify-content: space-between; gap: 1rem; width: 280px; max-width: 100%;
  margin: .75rem 0; }
.tools figure { display: flex; align-items: center; flex-direction: row-reverse; gap: .75rem; margin: 0; text-align: right;
  line-height: 1.3; }
.tools figcaption, .chart figcaption { color: var(--soft); font-size: .875rem; }
#seen { flex: none; width: 56px; height: 56px; background: #fff; image-rendering: pixelated; }
.frame { line-height: 0; box-shadow: 0 0 0 1px var(--rule); }
button, select, input, textarea { padding: .4rem .9rem; border: 1px solid var(--rule); border-radius: .5rem; background: var(--card);
  color: inherit; font: inherit; }
button { border-color: var(--accent); background: var(--accent); color: var(--on-accent); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
kbd { padding: 0 .3em; border: 1px solid var(--rule); border-radius: .25rem; font: .8em ui-monospace, monospace; }
.result { display: flex; align-items: center; gap: 1rem; min-height: 4.5rem; }
#digit { min-width: 3rem; font-size: 4rem; font-weight: 650; line-height: 1; text-align: center;
  font-variant-numeric: tabular-nums; }
.bars, .sizes { margin: 0; padding: 0; list-style: none; }
.bars li { display: grid; grid-template-columns: 1.25rem 1fr 3.5rem; align-items: center; gap: .6rem; line-height: 1.6; }
.digit { font-weight: 600; text-align: right; }
.track { height: .8rem; border-radius: .4rem; background: var(--track); overflow: hidden; }
.fill { display: block; width: 100%; height: 100%; border-radius: .4rem; background: var(--soft); transform: scaleX(0);
  transform-origin: left; transition: transform 80ms linear; }
.best .fill { background: var(--accent); }
.best .share { font-weight: 600; }
.share { text-align: right; font-variant-numeric: tabular-nums; font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 0 0 1rem; }
.figures dt { color: var(--soft); font-size: .875rem; }
.figures dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.chart { margin: 0; }
.chart svg { display: block; width: 100%; height: 90px; margin-top: .4rem; border-bottom: 1px solid var(--rule); }
.line { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
.area { fill: var(--accent); opacity: .15; }
.sizes { display: flex; align-items: flex-end; gap: .3rem; height: 110px; margin-top: .4rem; }
.sizes li { display: flex; flex: 1; flex-direction: column; justify-content: flex-end; height: 100%; text-align: center;
  font-size: .75rem; color: var(--soft); }
.sizes span { display: block; border-radius: .2rem .2rem 0 0; border-bottom: 1px solid var(--rule);
  background: var(--accent); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); text-align: left; }
th { color: var(--soft); font-size: .875rem; font-weight: 500; }
.number { padding-right: 0; text-align: right; font-variant-numeric: tabular-nums; }
.plain { margin: 0; padding: 0; border: 0; }
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr)); gap: .75rem 1rem; }
.field { display: flex; flex-direction: column; justify-content: flex-end; gap: .2rem; min-width: 0; }
.field label { font-size: .875rem; overflow-wrap: anywhere; }
.field input, .field select, .field textarea { width: 100%; min-width: 0; padding: .4rem .6rem; }
.field:has(textarea) { grid-column: 1 / -1; }
::placeholder { color: var(--soft); opacity: 1; }
.buttons { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0 0; }
.quiet { background: none; color: var(--accent); }
#prediction { font-size: 2rem; font-weight: 650; line-height: 1.15; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
#classes li { grid-template-columns: minmax(3rem, 35%) 1fr 3.5rem; }
.class { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
details { margin-top: 1rem; }
summary { color: var(--soft); font-size: .875rem; cursor: pointer; }
pre { margin: .5rem 0 0; padding: .6rem; border-radius: .5rem; background: var(--track);
  font: .8rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (prefers-reduced-motion: reduce) { .fill { transition: none; } }
`
