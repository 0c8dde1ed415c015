// What every page does in a browser: stays up to date without moving under a finger, asks the API, copies commands.
// It keeps no state of its own: what it shows, the server made.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const policy = window.trustedTypes
    ? trustedTypes.createPolicy('noctule', { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const say = (text) => { $('word').textContent = text; };

  // --- Colours.
  const THEMES = { auto: ['◐', 'as the system says'], light: ['☀', 'light'], dark: ['☾', 'dark'] };
  function theme(next) {
    const root = document.documentElement;
    let now = root.dataset.theme || 'auto';
    if (next) {
      now = { auto: 'light', light: 'dark', dark: 'auto' }[now];
      if (now === 'auto') delete root.dataset.theme; else root.dataset.theme = now;
      try { localStorage.setItem('noctule-theme', now); } catch (nothing) { /* for this page only */ }
    }
    const [sign, words] = THEMES[now];
    $('theme').textContent = sign;
    $('theme').setAttribute('aria-label', 'Colours: ' + words);
  }
  theme(false);
  $('theme').addEventListener('click', () => theme(true));

  // --- Bringing a place up to date, node by node.
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  function attributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      // What is open stays open, what was brought to attention stays so.
      if (!fresh.hasAttribute(name) && name !== 'open' && name !== 'data-here') old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== 'open' && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }
  function patch(old, fresh) {
    if (old.isEqualNode(fresh) || (old.dataset && 'keep' in old.dataset)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = fresh.nodeValue; return; }
    attributes(old, fresh);
    const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let at = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      let have = want.id ? known.get(want.id) : null;
      if (!want.id && at && !at.id && same(at, want)) have = at;
      if (have && same(have, want)) {
        if (have === at) at = at.nextSibling; else old.insertBefore(have, at);
        patch(have, want);
      } else {
        old.insertBefore(document.importNode(want, true), at);
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }
  // Rows that came or went, of a place that somebody points at or types in, are held back; what is known is changed.
  const shape = (place) => [...place.querySelectorAll('[id]')].map((node) => node.id).join('\n');
  const touched = (place) => place.matches(':hover') || place.contains(document.activeElement);
  function update(place, fresh, force) {
    const framed = place.dataset.frame === fresh.dataset.frame;
    if (!force && touched(place) && !framed) return false;
    if (!force && touched(place) && shape(place) !== shape(fresh)) {
      for (const node of fresh.querySelectorAll('[id]')) {
        const have = $(node.id);
        if (have && place.contains(have) && shape(have) === shape(node)) patch(have, node);
      }
      return false;
    }
    patch(place, fresh);
    return true;
  }

  // --- Asking for the page again; at most one question at a time, and never in haste.
  const PAUSE = 1500;
  let asked = 0, took = 0, asking = false, again = null;
  const listeners = [];
  async function refresh(force) {
    if (asking) { soon(); return; }
    asking = true;
    asked = Date.now();
    try {
      const response = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
      if (!response.ok) return;
      const fresh = new DOMParser().parseFromString(policy.createHTML(await response.text()), 'text/html');
      stood(fresh.body.dataset.stand);
      let all = true;
      for (const place of document.querySelectorAll('[data-live]')) {
        const next = fresh.getElementById(place.id);
        if (next && !update(place, next, force === true)) all = false;
      }
      if (!all && $('held').hidden) say('There is something new: a press on the button at the end of the page shows it.');
      $('held').hidden = all;
      for (const listener of listeners) listener();
    } catch (lost) { stale(); } finally { asking = false; took = Date.now() - asked; }
  }
  function soon() {
    if (again || document.hidden) return;
    const slow = document.querySelector('[data-pause]');
    // A server that is slow to answer is asked more seldom, and not by everybody at once.
    const pause = Math.max(slow ? Number(slow.dataset.pause) : PAUSE, 20 * took) * (0.8 + 0.4 * Math.random());
    again = setTimeout(() => { again = null; refresh(); }, Math.max(150, asked + pause - Date.now()));
  }
  $('held').querySelector('button').addEventListener('click', () => refresh(true));

  // --- The stream. A page that nobody sees holds no connection: a browser has few of them.
  const { watch, of, zone } = document.body.dataset;
  const events = [];
  let stream = null, lost = null, retry = null, heard = 0;
  function stand(state, text) {
    $('stream').dataset.state = state;
    const said = $('stream').querySelector('.word');
    if (said.textContent !== text) said.textContent = text;
  }
  function stale() {
    lost = lost || new Date();
    const clock = lost.toLocaleTimeString('en-GB', { timeZone: zone });
    stand('stale', 'stale since ' + clock);
    document.body.classList.add('is-stale');
  }
  function fresh() {
    const was = lost;
    lost = null;
    stand('live', 'live');
    document.body.classList.remove('is-stale');
    if (was) refresh();
  }
  const concerns = (event) =>
    watch === 'all' || (watch === 'dag' && event.dag === of) || (watch === 'run' && event.run === of);
  // A server that stands by hears of nothing: its pages are looked at again now and then, and say as of when they are.
  const LOOK = 10000;
  let standby = document.body.dataset.stand === 'standby';
  function stood(word) {
    const was = standby;
    standby = word === 'standby';
    // What happened since this look is looked at once the stream is open.
    if (was && !standby) { lost = new Date(); open(); }
    if (!standby) return;
    close();
    lost = null;
    document.body.classList.remove('is-stale');
    stand('polled', 'not live, as of ' + new Date().toLocaleTimeString('en-GB', { timeZone: zone }));
  }
  setInterval(() => { if (standby && !document.hidden && watch !== 'nothing') refresh(); }, LOOK);
  function open() {
    clearTimeout(retry);
    if (stream || document.hidden || watch === 'nothing') return;
    if (standby) { refresh(); return; }
    stream = new EventSource('/api/v1/events');
    heard = Date.now();
    stream.onopen = fresh;
    stream.addEventListener('alive', () => { heard = Date.now(); });
    stream.onmessage = (message) => {
      heard = Date.now();
      const event = JSON.parse(message.data);
      if (!concerns(event)) return;
      for (const hear of events) hear(event);
      if (document.querySelector('[data-live]')) soon();
    };
    stream.addEventListener('backfill', (message) => {
      heard = Date.now();
      const event = JSON.parse(message.data);
      if (watch === 'all' || (watch === 'dag' && event.dag === of)) soon();
    });
    stream.addEventListener('reset', () => { heard = Date.now(); refresh(); });
    stream.onerror = () => {
      stale();
      if (stream && stream.readyState === EventSource.CLOSED) {
        close();
        // It may stand by now: the page says so.
        refresh();
        retry = setTimeout(open, 5000);
      }
    };
  }
  function close() {
    if (stream) stream.close();
    stream = null;
  }
  // The server says every 15 seconds that it is there. A line that broke without a word is taken for lost, and tried anew.
  setInterval(() => {
    if (!stream || document.hidden || Date.now() - heard < 40000) return;
    stale();
    close();
    open();
  }, 5000);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { close(); return; }
    lost = lost || new Date();
    open();
  });
  if (watch === 'nothing') stand('off', 'not live'); else open();
  // What the time alone changes: the place of now, what became late.
  if (watch !== 'nothing') setInterval(() => { if (!document.hidden && !lost) refresh(); }, 60000);

  // --- Spans that go on.
  function span(ms) {
    const s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
    if (d) return `${d}d ${h % 24}h`;
    if (h) return `${h}h ${m % 60}m`;
    return m ? `${m}m ${s % 60}s` : `${s}s`;
  }
  setInterval(() => {
    if (document.hidden) return;
    for (const place of document.querySelectorAll('[data-since]')) {
      place.textContent = span(Date.now() - Date.parse(place.dataset.since));
    }
  }, 1000);

  // --- Commands to copy.
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'copied';
    } catch (denied) {
      getSelection().selectAllChildren(button.parentElement.querySelector('code'));
      button.textContent = 'selected';
    }
    say('The command is ' + button.textContent);
    setTimeout(() => { button.textContent = 'copy'; }, 1500);
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-copy]');
    if (button) copy(button);
  });

  // --- Asking the API for something.
  class Wrong extends Error {
    constructor(field, text) { super(text); this.field = field; }
  }
  const READ = {
    text: (field) => (field.value === '' ? undefined : field.value),
    whole: (field) => field.value,
    flag: (field) => field.checked,
    list: (field) => (field.type === 'checkbox' && !field.checked ? undefined : [field.value]),
    json: (field) => {
      if (field.value.trim() === '') return undefined;
      try { return JSON.parse(field.value); } catch (error) { throw new Wrong(field, 'not JSON: ' + error.message); }
    },
  };
  // What stands in an object is named after it, so that no parameter has the name of something that a form has itself.
  const key = (field) => (field.dataset.in ? field.name.slice(field.dataset.in.length + 1) : field.name);
  function body(form) {
    const whole = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled) continue;
      const value = READ[field.dataset.as || 'text'](field);
      if (value === undefined) continue;
      const into = field.dataset.in ? (whole[field.dataset.in] ||= {}) : whole;
      const name = key(field);
      Object.defineProperty(into, name, {
        value: Array.isArray(into[name]) && field.dataset.as === 'list' ? into[name].concat(value) : value,
        enumerable: true, configurable: true, writable: true,
      });
    }
    return whole;
  }
  // A problem names its field first, in front of a colon or between backticks; several parameters are blamed at once.
  function blamed(form, detail) {
    for (const field of form.elements) {
      if (!field.name) continue;
      const name = key(field), names = [name, '`' + name + '`'];
      if (field.dataset.in) names.push('param `' + name + '`');
      if (names.some((name) => detail.startsWith(name + ':') || detail.startsWith(name + ' '))) return field;
    }
    return null;
  }
  function clear(form) {
    const said = form.querySelector('.said');
    said.hidden = true;
    said.textContent = '';
    for (const field of form.querySelectorAll('[aria-invalid]')) {
      field.removeAttribute('aria-invalid');
      const wrong = $(field.id + '-wrong');
      if (wrong) { wrong.textContent = ''; wrong.hidden = true; }
    }
  }
  function blame(form, field, text) {
    const place = field && $(field.id + '-wrong');
    if (!place) {
      const said = form.querySelector('.said');
      said.textContent = text;
      said.hidden = false;
      return;
    }
    field.setAttribute('aria-invalid', 'true');
    place.textContent = text;
    place.hidden = false;
    field.focus();
  }
  async function post(address, content) {
    const response = await fetch(address, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(content), cache: 'no-store',
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw Object.assign(new Error(answer.detail || answer.title || 'the server said ' + response.status), { code: answer.code });
  }
  // What the latest definition changes, in the words of the command line.
  function taken(definition) {
    if (!definition) return '';
    if (definition.from === definition.to) return 'The run has the latest definition. ';
    const parts = [['new', definition.added], ['removed', definition.removed], ['changed', definition.changed.map((it) => it.task)], ['of the DAG itself', definition.dag]];
    const said = parts.filter(([, names]) => names.length).map(([what, names]) => what + ': ' + names.slice(0, 20).join(', ') + (names.length > 20 ? ' …' : ''));
    return 'The latest definition: ' + said.join('; ') + '. ';
  }
  const some = (names) => names.slice(0, 20).join(', ') + (names.length > 20 ? ' and ' + (names.length - 20) + ' more' : '');
  const counted = (names, what) => (names.length === 1 ? '1 ' + what : names.length + ' ' + what + 's') + (names.length ? ': ' + some(names) : '');
  // The plan of a backfill, or what a retry, a cancel or a mark touches.
  function planned(answer) {
    if (!answer.nights) return `${taken(answer.definition)}This touches ${counted(answer.tasks || [], 'task')}.`;
    const left = answer.left || [];
    const kept = left.length ? ` Nothing is done for ${counted(left.map((it) => it.why), 'other tick')}.` : '';
    return `This makes ${counted(answer.nights.map((it) => it.ingestion_id), 'night')}.${kept}`;
  }
  function preview(form, answer) {
    const place = form.querySelector('output.preview');
    // It is there before it says something, or nobody hears it.
    place.hidden = false;
    place.textContent = planned(answer) + ' Press again to do it.';
    form.dataset.sure = '';
  }
  async function submit(form) {
    clear(form);
    const button = form.querySelector('[type=submit]');
    button.setAttribute('aria-busy', 'true');
    try {
      const first = 'preview' in form.dataset && !('sure' in form.dataset);
      const answer = await post(form.dataset.post + (first ? '?dry_run=true' : ''), body(form));
      if (first) { preview(form, answer); return; }
      doubt(form);
      if (form.dataset.then === 'run') { location.assign('/runs/' + encodeURIComponent(answer.id)); return; }
      say('Done. ' + (answer.notes || []).join(' '));
      const box = form.closest('details');
      if (box) box.open = false;
      await refresh(true);
    } catch (error) {
      if (error instanceof Wrong) { blame(form, error.field, error.message); return; }
      const parts = error.message.split(/; (?=param `)/);
      for (const part of parts.reverse()) blame(form, blamed(form, part), part);
    } finally { button.removeAttribute('aria-busy'); }
  }
  function doubt(form) {
    delete form.dataset.sure;
    const place = form.querySelector('output.preview');
    if (place) place.hidden = true;
  }
  document.addEventListener('submit', (event) => {
    const form = event.target.closest('form[data-post]');
    if (!form) return;
    event.preventDefault();
    if (!form.querySelector('[aria-busy]')) submit(form);
  });
  document.addEventListener('input', (event) => {
    const form = event.target.closest('form[data-post]');
    if (form) doubt(form);
  });

  // --- The end of a session. What follows is a page of this server, whatever the provider of logins would say.
  const out = $('logout');
  if (out) out.addEventListener('click', async () => {
    try {
      const answer = await fetch('/logout', { method: 'POST', redirect: 'manual', headers: { 'noctule-request': '1' }, cache: 'no-store' });
      // 401: there is no session any more.
      if (answer.type !== 'opaqueredirect' && answer.status !== 401) throw new Error('the server said ' + answer.status);
      location.assign('/logged-out');
    } catch (lost) {
      out.textContent = 'Still logged in: try again';
      say(out.textContent);
    }
  });

  // For the scripts of single pages.
  window.noctule = { refresh, post, say, span, parse: (text) => new DOMParser().parseFromString(policy.createHTML(text), 'text/html'),
    onEvent: (hear) => events.push(hear), onRefresh: (listener) => listeners.push(listener) };
})();
