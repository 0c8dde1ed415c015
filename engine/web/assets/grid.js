// The grid: one link that goes from cell to cell, under the pointer and under the arrow keys, and the selection of cells.
// The states are read from the lines that the server drew.
'use strict';
(() => {
  const WORDS = { f: 'failed', t: 'timed out', u: 'upstream failed', c: 'cancelled', r: 'running', q: 'ready', w: 'waiting',
    k: 'skipped', s: 'succeeded' };
  const table = () => document.getElementById('cells');
  if (!table()) return;
  const { say } = window.noctule;

  const here = document.createElement('a');
  here.id = 'here';
  here.className = 'here';
  here.hidden = true;
  const note = document.createElement('div');
  note.className = 'note';
  note.hidden = true;
  note.setAttribute('aria-hidden', 'true');
  const inner = () => document.querySelector('.grid .inner');
  document.body.append(note);

  const rows = () => [...table().tBodies[0].rows];
  const runs = () => table().dataset.runs.split('\n').map((line) => {
    const [id, ingestion, state] = line.split(' ');
    return { id, ingestion, state: state.replace('_', ' ') };
  });
  const name = (row) => row.cells[0].textContent;
  function state(row, column) {
    for (const line of row.querySelectorAll('path')) {
      for (const part of line.getAttribute('d').split('M')) {
        const [at, wide] = part.split(' 0h').map(Number);
        if (part && column >= at && column < at + wide) return WORDS[line.getAttribute('class')];
      }
    }
    return null;
  }

  let at = null;
  const pitch = () => Number(table().dataset.pitch);
  function place(y, x) {
    const all = rows(), columns = runs();
    y = Math.max(0, Math.min(all.length - 1, y));
    x = Math.max(0, Math.min(columns.length - 1, x));
    at = { y, x };
    const row = all[y], svg = row.querySelector('svg'), run = columns[x];
    if (here.parentElement !== inner()) inner().append(here);
    const box = svg.getBoundingClientRect(), base = inner().getBoundingClientRect();
    here.style.left = box.left - base.left + x * pitch() + 'px';
    here.style.top = box.top - base.top + 'px';
    here.hidden = false;
    const how = state(row, x) || 'not there';
    const text = `${name(row)}, run ${run.ingestion}: ${how}`;
    here.setAttribute('aria-label', text + (selected.has(key(y, x)) ? ', selected' : ''));
    if (how === 'not there') here.removeAttribute('href');
    else here.href = `/runs/${encodeURIComponent(run.id)}/cells/${encodeURIComponent(name(row))}`;
    here.tabIndex = 0;
    return { text, how, run, row };
  }
  function explain(event, told) {
    note.textContent = `${name(told.row)} · ${told.run.ingestion} · ${told.how}`;
    note.hidden = false;
    const wide = note.offsetWidth;
    note.style.left = Math.max(4, Math.min(innerWidth - wide - 4, event.clientX + 12)) + 'px';
    note.style.top = Math.min(innerHeight - 40, event.clientY + 16) + 'px';
  }
  function under(event) {
    const row = event.target.closest && event.target.closest('#cells tbody tr');
    if (event.target === here && at) {
      const box = rows()[at.y].querySelector('svg').getBoundingClientRect();
      return { y: at.y, x: Math.floor((event.clientX - box.left) / pitch()) };
    }
    if (!row) return null;
    const svg = row.querySelector('svg'), box = svg.getBoundingClientRect();
    if (event.clientX < box.left || event.clientX >= box.right) return null;
    return { y: row.sectionRowIndex, x: Math.floor((event.clientX - box.left) / pitch()) };
  }

  // --- The selection: cells by task and run, so that it stays where it was when columns move.
  const selected = new Map();
  const key = (y, x) => name(rows()[y]) + ' ' + runs()[x].id;
  let anchor = null;
  function mark(silently) {
    for (const old of document.querySelectorAll('.picked')) old.remove();
    const columns = new Map(runs().map((run, x) => [run.id, x]));
    const lines = new Map(rows().map((row) => [name(row), row]));
    const base = inner().getBoundingClientRect();
    for (const { task, run } of selected.values()) {
      const row = lines.get(task), x = columns.get(run);
      if (!row || x === undefined) continue;
      const box = row.querySelector('svg').getBoundingClientRect(), shade = document.createElement('i');
      shade.className = 'picked';
      shade.style.left = box.left - base.left + x * pitch() + 'px';
      shade.style.top = box.top - base.top + 'px';
      inner().append(shade);
    }
    if (!silently) document.dispatchEvent(new CustomEvent('noctule-selected'));
  }
  function pick(y, x, wide) {
    const columns = runs(), all = rows();
    const one = (y, x, on) => {
      const k = key(y, x);
      if (!state(all[y], x)) return;
      if (on === undefined ? selected.has(k) : !on) selected.delete(k);
      else selected.set(k, { task: name(all[y]), run: columns[x].id, ingestion: columns[x].ingestion });
    };
    if (wide && anchor) {
      const [top, bottom] = [Math.min(anchor.y, y), Math.max(anchor.y, y)];
      const [left, right] = [Math.min(anchor.x, x), Math.max(anchor.x, x)];
      for (let r = top; r <= bottom; r++) for (let c = left; c <= right; c++) one(r, c, true);
    } else {
      one(y, x);
      anchor = { y, x };
    }
    mark();
    say(`${selected.size} cells selected`);
  }

  document.addEventListener('pointermove', (event) => {
    const found = under(event);
    if (!found) { note.hidden = true; return; }
    if (at && document.activeElement === here && event.movementX === 0 && event.movementY === 0) return;
    explain(event, place(found.y, found.x));
  });
  // A click goes where the link goes; with Shift, Ctrl or a long press it selects.
  document.addEventListener('click', (event) => {
    const found = under(event);
    if (!found) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey || picking()) {
      event.preventDefault();
      place(found.y, found.x);
      pick(found.y, found.x, event.shiftKey);
    } else if (event.target !== here) {
      place(found.y, found.x);
      here.click();
    }
  });
  const picking = () => document.getElementById('picking')?.checked;
  here.addEventListener('keydown', (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6], End: [0, 1e6],
      PageUp: [-10, 0], PageDown: [10, 0] }[event.key];
    if (step) {
      event.preventDefault();
      const from = { ...at }, told = place(at.y + step[0], at.x + step[1]);
      if (event.shiftKey) { anchor = anchor || from; pick(at.y, at.x, true); }
      here.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      say(told.text);
    } else if (event.key === ' ') {
      event.preventDefault();
      pick(at.y, at.x, event.shiftKey);
    } else if (event.key === 'Escape') {
      window.noctule.unpick();
    }
  });

  // The grid is entered at the newest run.
  place(0, runs().length - 1);
  window.noctule.picked = () => [...selected.values()];
  window.noctule.unpick = () => { selected.clear(); anchor = null; mark(); };
  window.noctule.onRefresh(() => {
    if (!table()) return;
    if (at) place(at.y, at.x);
    mark(true);
  });
})();
