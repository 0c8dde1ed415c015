// Acting on what is selected: the plan first, by dry runs, then one request for each, and how each ended.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const bar = $('many');
  if (!bar) return;
  const { post, say, refresh } = window.noctule;
  const enc = encodeURIComponent;
  const quote = (word) => (/^[\w\-./:=@%+,]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'");
  const cells = () => (window.noctule.picked ? window.noctule.picked() : []);
  const runs = () => [...document.querySelectorAll('[data-run]:checked')].map((box) => box.dataset.run);
  const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

  function show() {
    const [c, r] = [cells().length, runs().length];
    if (c || r) bar.hidden = false; else if ($('many-ends').hidden) bar.hidden = true;
    $('many-count').textContent = [r && plural(r, 'run'), c && plural(c, 'cell')].filter(Boolean).join(' and ') + (c || r ? ' selected' : '');
    bar.querySelector('[data-many=mark]').disabled = !c;
    bar.querySelector('[data-many=cancel]').disabled = !c && !r;
    doubt();
  }
  function doubt() { plan = null; $('many-plan').hidden = true; }

  // --- What would be done: one step for each run, or for each task run.
  const byRun = () => {
    const all = new Map(runs().map((run) => [run, []]));
    for (const { run, task } of cells()) if (!all.has(run) || all.get(run).length) all.set(run, [...(all.get(run) || []), task]);
    return all;
  };
  const steps = {
    retry: async () => [...byRun()].map(([run, tasks]) => ({
      what: `run ${run}`, run, to: `/api/v1/runs/${enc(run)}/retry`, body: { tasks },
      command: `noctule retry ${quote(run)}` + tasks.map((task) => ' --task ' + quote(task)).join(''),
    })),
    cancel: async () => [...byRun().keys()].map((run) => ({
      what: `run ${run}`, run, to: `/api/v1/runs/${enc(run)}/cancel`, body: {}, command: `noctule cancel ${quote(run)}`,
    })),
    mark: async () => {
      const state = $('many-state').value, all = [];
      for (const { run, task } of cells()) {
        const response = await fetch(`/api/v1/runs/${enc(run)}/tasks?task=${enc(task)}`, { cache: 'no-store' });
        const found = response.ok ? (await response.json()).items : [];
        if (!found.length) all.push({ what: `${task} of run ${run}`, run, refused: 'it has no items that could be marked' });
        for (const one of found.filter((one) => one.state !== state)) {
          const named = one.map_key === null ? task : `${task}[${one.map_key}]`;
          all.push({ what: `${named} of run ${run}`, run, to: `/api/v1/task-runs/${enc(one.id)}/mark`, body: { state },
            command: `noctule mark ${quote(run)} ${quote(named)} ${state}` });
        }
      }
      return all;
    },
  };
  let plan = null;
  async function prepare(act) {
    doubt();
    $('many-ends').hidden = true;
    $('many-said').textContent = 'Looking at what this touches…';
    $('many-plan').hidden = false;
    const all = await steps[act]();
    let tasks = 0;
    for (const step of all) {
      if (step.refused) continue;
      try { tasks += ((await post(step.to + '?dry_run=true', step.body)).tasks || []).length; } catch (error) { step.refused = error.message; }
    }
    const good = all.filter((step) => !step.refused), bad = all.filter((step) => step.refused);
    $('many-said').textContent = `${act}: ${plural(good.length, 'request')} that touch ${plural(tasks, 'task')}`
      + (bad.length ? `; ${bad.length} would be refused: ` + bad.slice(0, 3).map((step) => `${step.what}: ${step.refused}`).join('; ') : '') + '.';
    $('many-commands').textContent = good.map((step) => step.command).join('\n');
    $('many-sure').disabled = !good.length;
    plan = { act, all };
    $('many-sure').focus();
  }

  // --- Doing it, one by one; what fails keeps nothing else from being tried.
  async function go() {
    const { act, all } = plan, list = $('many-ends');
    doubt();
    list.replaceChildren();
    list.hidden = false;
    let failed = 0;
    for (const step of all) {
      const line = document.createElement('li'), link = document.createElement('a');
      link.href = '/runs/' + enc(step.run);
      link.textContent = step.what;
      let said = step.refused;
      if (!said) { try { await post(step.to, step.body); } catch (error) { said = error.message; } }
      if (said) failed += 1;
      line.className = said ? 'bad' : 'good';
      line.append(said ? '✕ not done: ' : '✓ done: ', link, said ? `: ${said}` : '');
      list.append(line);
    }
    const total = `${act}: ${all.length - failed} of ${all.length} done` + (failed ? `, ${failed} not` : '');
    say(total);
    for (const box of document.querySelectorAll('[data-run]:checked')) box.checked = false;
    if (window.noctule.unpick) window.noctule.unpick();
    $('many-count').textContent = total;
    bar.hidden = false;
    refresh(true);
  }

  bar.addEventListener('click', (event) => {
    const button = event.target.closest('[data-many]');
    if (!button) return;
    const act = button.dataset.many;
    if (act !== 'clear') { prepare(act); return; }
    for (const box of document.querySelectorAll('[data-run]:checked')) box.checked = false;
    $('many-ends').hidden = true;
    if (window.noctule.unpick) window.noctule.unpick();
    show();
  });
  $('many-sure').addEventListener('click', go);
  $('many-not').addEventListener('click', doubt);
  $('many-state').addEventListener('change', doubt);
  document.addEventListener('change', (event) => { if (event.target.matches('[data-run]')) show(); });
  document.addEventListener('noctule-selected', show);
})();
