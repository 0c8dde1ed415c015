// The log of an attempt, as it grows: a stranger's bytes, written as text and as nothing else.
// It keeps the last lines only, so that no log is too long for a browser.
'use strict';
(() => {
  const place = document.getElementById('log'), follow = document.getElementById('follow'), state = document.getElementById('log-state');
  if (!place) return;
  const LINES = 5000, LINE = 4000, CHUNK = 250, NEWS = 1000, SILENCE = 3000, TROUBLE = 5000;
  const decoder = new TextDecoder();
  let next = null, rest = '', kept = 0, dropped = 0, timer = null, due = 0, reading = false, done = false;

  // Colours and cursor moves are for terminals: what they say is left out. A sequence may be cut at the end of a part.
  const ANSI = /\x1b(?:\[[0-?]*[ -\/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|(?![[\]PX^_])[ -\/]*[0-~])/g;
  const CUT = /\x1b(?:\[[0-?]*[ -\/]*|\][^\x07\x1b]{0,4000}\x1b?|[PX^_][^\x1b]{0,4000}\x1b?|[ -\/]*)$/;
  const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  function clean(line) {
    // What a carriage return wrote over is not shown.
    const seen = line.replace(/\r+$/, '').split('\r').pop().replace(CONTROL, '\ufffd');
    return seen.length > LINE ? seen.slice(0, LINE) + '…' : seen;
  }
  function lines(text, last) {
    let whole = (rest + text).replace(ANSI, '');
    const cut = last ? null : whole.match(CUT);
    const tail = cut ? cut[0] : '';
    if (tail) whole = whole.slice(0, whole.length - tail.length);
    const parts = whole.split('\n');
    rest = last ? '' : parts.pop() + tail;
    // A line without an end is shown when it is long, or when nothing follows.
    if (last && parts[parts.length - 1] === '') parts.pop();
    if (rest.length > 4 * LINE) { parts.push(rest); rest = ''; }
    return parts.map(clean);
  }
  function write(all) {
    if (all.length > LINES) { dropped += all.length - LINES; all = all.slice(-LINES); }
    for (let at = 0; at < all.length; at += CHUNK) {
      const part = all.slice(at, at + CHUNK), chunk = document.createElement('span');
      chunk.textContent = part.join('\n') + '\n';
      chunk.lines = part.length;
      place.append(chunk);
      kept += part.length;
    }
    while (kept > LINES && place.firstChild) {
      kept -= place.firstChild.lines;
      dropped += place.firstChild.lines;
      place.firstChild.remove();
    }
    if (follow.checked) place.scrollTop = place.scrollHeight;
  }
  function tell(word) {
    const shown = kept === 1 ? '1 line' : kept + ' lines';
    const text = word + (kept ? ', ' + shown : '') + (dropped ? ', ' + dropped + ' before them are in the download' : '');
    if (state.textContent !== text) state.textContent = text;
  }
  const live = (word) => ['launching', 'running', 'cancelling'].includes(word);
  async function read() {
    timer = null;
    if (document.hidden || reading || done) return;
    reading = true;
    let pause = TROUBLE, word = '';
    try {
      const response = await fetch(place.dataset.log + (next ? '?after=' + encodeURIComponent(next) : ''), { cache: 'no-store' });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        throw new Error(problem.detail || 'the server said ' + response.status);
      }
      const bytes = await response.arrayBuffer();
      next = response.headers.get('noctule-log-next') || next;
      word = response.headers.get('noctule-attempt-state') || '';
      const drained = response.headers.get('noctule-log-drained') === 'true', goes = live(word);
      const last = drained && !goes;
      write(lines(decoder.decode(bytes, { stream: !last }), last));
      tell(goes ? 'live' : last ? (kept ? 'complete' : 'empty') : 'reading');
      done = last;
      if (last) place.dataset.done = '';
      pause = drained ? (bytes.byteLength ? NEWS : SILENCE) : 0;
    } catch (error) {
      tell('not read: ' + error.message + '; tried again');
    } finally { reading = false; }
    if (!done) soon(pause);
  }
  place.addEventListener('scroll', () => {
    const below = place.scrollHeight - place.scrollTop - place.clientHeight;
    follow.checked = below < 30;
  });
  follow.addEventListener('change', () => { if (follow.checked) place.scrollTop = place.scrollHeight; });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && timer === null) read(); });
  function soon(pause) {
    clearTimeout(timer);
    due = Date.now() + pause;
    timer = setTimeout(read, pause);
  }
  // When something happens to the task there is news; a run in which much happens does not put it off.
  window.noctule.onEvent((event) => {
    if (event.task === place.dataset.task && timer !== null && due - Date.now() > 200) soon(100);
  });
  read();
})();
