const dark = `
  --bg: #16181d; --bg2: #1e2128; --bg3: #292d36; --line: #363b46; --text: #e8eaf0; --dim: #a2a9b8;
  --accent: #8fb6ff; --on-accent: #10131a; --ok: #6fd39a; --warn: #f0c060; --bad: #ff8f8f; color-scheme: dark;`;

/** Everything below `.vkd`, so that it touches nothing of the page. */
export const css = `
.vkd {
  --bg: #ffffff; --bg2: #f6f7f9; --bg3: #eceff4; --line: #d5dae3; --text: #1b1f27; --dim: #586073;
  --accent: #1f5fd0; --on-accent: #ffffff; --ok: #136b3c; --warn: #815400; --bad: #b3261e; color-scheme: light;
  font: 13px/1.45 system-ui, sans-serif; color: var(--text);
}
.vkd[data-theme='dark'] {${dark}}
@media (prefers-color-scheme: dark) { .vkd[data-theme='system'] {${dark}} }
.vkd *, .vkd *::before { box-sizing: border-box; }
.vkd :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.vkd code, .vkd pre, .vkd textarea { font: 12px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }
.vkd-open {
  position: fixed; right: 16px; bottom: 16px; z-index: 99998; width: 44px; height: 44px; border-radius: 50%;
  border: 1px solid var(--line); background: var(--bg); color: var(--accent); cursor: pointer;
  display: grid; place-items: center; box-shadow: 0 4px 16px #0003;
}
.vkd-panel {
  position: fixed; inset: auto 0 0 0; z-index: 99999; height: min(58vh, 640px); display: flex; flex-direction: column;
  background: var(--bg); border-top: 1px solid var(--line); box-shadow: 0 -8px 30px #0002;
}
.vkd[data-inline] .vkd-panel { position: static; height: 620px; border: 1px solid var(--line); border-radius: 10px; box-shadow: none; overflow: hidden; }
.vkd-head { display: flex; align-items: center; gap: 8px; padding: 6px 12px; background: var(--bg2); border-bottom: 1px solid var(--line); }
.vkd-title { display: flex; align-items: center; gap: 6px; font-weight: 650; color: var(--accent); white-space: nowrap; }
.vkd-tabs { display: flex; gap: 2px; flex: 1; overflow-x: auto; margin-left: 8px; padding: 2px; }
.vkd-tabs [role='tab'] { border: 0; background: none; color: var(--dim); padding: 6px 11px; border-radius: 7px; font: inherit; font-weight: 550; cursor: pointer; }
.vkd-tabs [role='tab']:hover { background: var(--bg3); color: var(--text); }
.vkd-tabs [aria-selected='true'] { background: var(--accent); color: var(--on-accent); }
.vkd-tabs [aria-selected='true']:hover { background: var(--accent); color: var(--on-accent); }
.vkd-body { flex: 1; overflow: auto; padding: 12px; display: flex; flex-direction: column; gap: 12px; }
.vkd-foot { display: flex; align-items: start; gap: 8px; justify-content: space-between; padding: 5px 12px; border-top: 1px solid var(--line); background: var(--bg2); color: var(--dim); max-height: 30%; overflow: auto; }
.vkd-foot ul { list-style: none; margin: 0; padding: 0; min-width: 0; overflow-wrap: anywhere; }
.vkd-foot [data-state='failed'] { color: var(--bad); }
.vkd-foot [data-state='done'] b { color: var(--ok); }
.vkd-section { border: 1px solid var(--line); border-radius: 9px; background: var(--bg); flex-shrink: 0; }
.vkd-section-head { display: flex; align-items: center; justify-content: space-between; gap: 10px; flex-wrap: wrap; padding: 7px 11px; background: var(--bg2); border-bottom: 1px solid var(--line); border-radius: 9px 9px 0 0; }
.vkd-section-head h3 { margin: 0; font-size: 13px; font-weight: 650; }
.vkd-section > :not(.vkd-section-head):not(.vkd-scroll) { margin: 10px 11px; }
.vkd-actions { display: flex; gap: 6px; flex-wrap: wrap; align-items: center; }
.vkd-scroll { overflow-x: auto; }
.vkd-table { border-collapse: collapse; width: 100%; }
.vkd-table th { text-align: left; color: var(--dim); font-weight: 550; padding: 5px 11px; white-space: nowrap; border-bottom: 1px solid var(--line); }
.vkd-table td { padding: 5px 11px; vertical-align: top; border-bottom: 1px solid var(--bg3); }
.vkd-table tr { background: var(--bg); }
.vkd-table :is(th, td):first-child { position: sticky; left: 0; background: inherit; }
.vkd-table tr:last-child td { border-bottom: 0; }
.vkd-table tbody tr:hover { background: var(--bg2); }
.vkd-table .vkd-text { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 12px; overflow-wrap: anywhere; min-width: 180px; max-width: 560px; }
.vkd-table .vkd-clip { max-height: 4.6em; overflow: auto; }
.vkd-button { font: inherit; font-size: 12px; padding: 3px 9px; border-radius: 6px; border: 1px solid var(--line); background: var(--bg); color: var(--text); cursor: pointer; white-space: nowrap; }
.vkd-button:hover:not(:disabled) { background: var(--bg3); }
.vkd-button:disabled { opacity: .5; cursor: default; }
.vkd-button[data-danger] { color: var(--bad); }
.vkd-button[type='submit'] { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.vkd-button[type='submit']:hover:not(:disabled) { background: var(--accent); filter: brightness(1.08); }
.vkd-badge { font-size: 11px; padding: 1px 7px; border-radius: 20px; border: 1px solid currentColor; color: var(--dim); white-space: nowrap; }
.vkd-badge:is([data-of='running'], [data-of='ready'], [data-of='fulfilled'], [data-of='connected'], [data-of='root']) { color: var(--ok); }
.vkd-badge:is([data-of='launching'], [data-of='starting'], [data-of='reconnecting'], [data-of='waiting'], [data-of='memory'], [data-of='identity-only']) { color: var(--warn); }
.vkd-badge:is([data-of='broken'], [data-of='failed'], [data-of='closed'], [data-of='rejected'], [data-of='revoked']) { color: var(--bad); }
.vkd-ref { color: var(--accent); white-space: nowrap; }
.vkd-note { margin: 0; padding: 8px 11px; border-radius: 8px; background: var(--bg2); border: 1px solid var(--line); color: var(--dim); }
.vkd-note[data-kind='error'] { color: var(--bad); border-color: currentColor; }
.vkd-form { display: flex; gap: 8px; flex-wrap: wrap; align-items: end; }
.vkd-form label { display: flex; flex-direction: column; gap: 2px; color: var(--dim); font-size: 12px; }
.vkd-form label.vkd-wide { flex: 1; min-width: 220px; }
.vkd-form :is(input, select, textarea) { font: inherit; font-size: 13px; padding: 4px 8px; border-radius: 6px; border: 1px solid var(--line); background: var(--bg); color: var(--text); }
.vkd-form textarea { width: 100%; min-height: 72px; resize: vertical; }
.vkd-drop { border: 1.5px dashed var(--line); border-radius: 8px; padding: 9px; }
.vkd-drop[data-over] { border-color: var(--accent); background: var(--bg3); }
.vkd-pre { margin: 0; padding: 9px; border-radius: 7px; background: var(--bg2); border: 1px solid var(--line); overflow: auto; max-height: 260px; white-space: pre-wrap; overflow-wrap: anywhere; }
.vkd-holders { display: flex; flex-wrap: wrap; gap: 4px; }
.vkd-holders span { background: var(--bg3); border-radius: 5px; padding: 0 6px; white-space: nowrap; }
.vkd-dim { color: var(--dim); }
.vkd-split { display: grid; grid-template-columns: minmax(150px, 200px) 1fr; gap: 12px; align-items: start; }
.vkd-list { list-style: none; margin: 0; padding: 0; display: flex; flex-direction: column; gap: 2px; }
.vkd-list button { width: 100%; display: flex; justify-content: space-between; gap: 8px; text-align: left; border: 0; background: none; color: var(--text); font: inherit; padding: 4px 8px; border-radius: 6px; cursor: pointer; }
.vkd-list button:hover { background: var(--bg3); }
.vkd-list [aria-current='true'] { background: var(--bg3); font-weight: 600; }
.vkd-figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 0; }
.vkd-figures div { border: 1px solid var(--line); border-radius: 9px; padding: 8px 11px; }
.vkd-figures dt { color: var(--dim); font-size: 12px; }
.vkd-figures dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.vkd-figures svg { display: block; width: 100%; height: 30px; color: var(--accent); }
.vkd-timeline { display: block; width: 100%; min-width: 860px; background: var(--bg2); border-radius: 7px; }
.vkd-timeline text { fill: var(--dim); font-size: 11px; }
.vkd-timeline .lane { stroke: var(--line); }
.vkd-timeline .wait { fill: var(--warn); opacity: .55; }
.vkd-timeline .work { fill: var(--accent); }
.vkd-timeline .work[data-outcome='rejected'] { fill: var(--bad); }
.vkd-timeline .work[data-outcome='open'] { fill: var(--dim); }
.vkd-timeline .cause { stroke: var(--dim); fill: none; opacity: .8; }
.vkd-timeline g[tabindex] { cursor: pointer; }
.vkd-timeline g[data-chosen] rect { stroke: var(--text); stroke-width: 1.5; }
@media (max-width: 640px) {
  .vkd-split { grid-template-columns: 1fr; }
  .vkd-head { flex-wrap: wrap; }
  .vkd-tabs { order: 5; flex-basis: 100%; flex-wrap: wrap; margin-left: 0; }
}
@media (prefers-reduced-motion: no-preference) { .vkd-button, .vkd-tabs [role='tab'] { transition: background .12s; } }
`;
