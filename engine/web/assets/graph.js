// A graph can be made larger and smaller, moved by hand, and lights up what a task leads to.
'use strict';
(() => {
  const canvas = document.getElementById('canvas'), tools = document.getElementById('zoom');
  if (!canvas || !tools) return;
  const LEAST = 0.15, MOST = 3, READABLE = window.innerWidth < 700 ? 0.85 : 0.65;
  const key = 'noctule-zoom:' + location.pathname;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const picture = () => canvas.querySelector('svg.graph');
  const size = () => { const box = picture().viewBox.baseVal; return [box.width, box.height]; };
  let scale = 1;

  // The size stands in a sheet of its own, so that bringing the graph up to date does not undo it.
  function zoom(next, x, y) {
    const old = scale, [wide, high] = size();
    scale = Math.min(MOST, Math.max(LEAST, next));
    const left = x === undefined ? canvas.clientWidth / 2 : x, top = y === undefined ? canvas.clientHeight / 2 : y;
    const at = [(canvas.scrollLeft + left) / old, (canvas.scrollTop + top) / old];
    sheet.replaceSync(`#canvas > svg.graph { width: ${wide * scale}px; height: ${high * scale}px; }`);
    canvas.scrollTo(at[0] * scale - left, at[1] * scale - top);
    follow();
    try { sessionStorage.setItem(key, String(scale)); } catch (nothing) { /* for this page only */ }
  }

  // The whole in small: a frame around what is in sight, which follows it, and moves it.
  const map = document.getElementById('minimap'), frame = map && map.querySelector('.frame');
  const between = (value) => Math.min(1, Math.max(0, value));
  function follow() {
    if (!map) return;
    const all = picture().getBoundingClientRect(), room = canvas.getBoundingClientRect();
    const side = (name, from, length, shown) => {
      const begin = between((room[from] - all[from]) / all[length]), end = between((room[from] + shown - all[from]) / all[length]);
      frame.style[from] = begin * 100 + '%';
      frame.style[name] = (end - begin) * 100 + '%';
    };
    side('width', 'left', 'width', canvas.clientWidth);
    side('height', 'top', 'height', canvas.clientHeight);
  }
  let held = null;
  function aim(event) {
    const all = picture().getBoundingClientRect(), box = map.getBoundingClientRect();
    canvas.scrollTo(((event.clientX - box.left) / box.width - held[0]) * all.width, ((event.clientY - box.top) / box.height - held[1]) * all.height);
  }
  if (map) {
    map.hidden = false;
    map.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      map.setPointerCapture(event.pointerId);
      const box = map.getBoundingClientRect(), seen = frame.getBoundingClientRect();
      const inside = event.target === frame;
      // The frame is moved by where it is held; a press beside it brings its middle there.
      held = inside ? [(event.clientX - seen.left) / box.width, (event.clientY - seen.top) / box.height]
        : [seen.width / 2 / box.width, seen.height / 2 / box.height];
      if (!inside) aim(event);
    });
    map.addEventListener('pointermove', (event) => { if (held) aim(event); });
    for (const end of ['pointerup', 'pointercancel']) map.addEventListener(end, () => { held = null; });
    canvas.addEventListener('scroll', follow, { passive: true });
    new ResizeObserver(follow).observe(canvas);
    window.noctule.onRefresh(follow);
  }
  const fitting = () => { const [wide, high] = size(); return Math.min(canvas.clientWidth / wide, Math.max(240, window.innerHeight * 0.6) / high, 1); };
  const ACTS = { out: () => zoom(scale / 1.25), in: () => zoom(scale * 1.25), fit: () => zoom(fitting()), one: () => zoom(1) };
  tools.hidden = false;
  tools.addEventListener('click', (event) => {
    const button = event.target.closest('[data-zoom]');
    if (button) ACTS[button.dataset.zoom]();
  });
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener('keydown', (event) => {
    if (event.target !== canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { '+': 'in', '=': 'in', '-': 'out', '0': 'fit' }[event.key];
    if (act) { event.preventDefault(); ACTS[act](); }
  });

  // By hand: a finger moves it by itself, a mouse drags it.
  let drag = null, moved = false;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'mouse' || event.button !== 0) return;
    drag = [event.clientX, event.clientY, canvas.scrollLeft, canvas.scrollTop];
    moved = false;
  });
  window.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const [x, y] = [event.clientX - drag[0], event.clientY - drag[1]];
    if (Math.hypot(x, y) > 5) moved = true;
    if (moved) canvas.scrollTo(drag[2] - x, drag[3] - y);
  });
  window.addEventListener('pointerup', () => { drag = null; });
  canvas.addEventListener('click', (event) => { if (moved) { event.preventDefault(); moved = false; } }, true);
  canvas.addEventListener('dragstart', (event) => event.preventDefault());

  // What a task leads to.
  function light(event) {
    const node = event.target.closest && event.target.closest('[data-task]');
    for (const line of canvas.querySelectorAll('.lit')) line.classList.remove('lit');
    if (!node) return;
    for (const line of canvas.querySelectorAll('.line')) {
      if (line.dataset.from === node.dataset.task) line.classList.add('lit');
    }
  }
  canvas.addEventListener('pointerover', light);
  canvas.addEventListener('focusin', light);

  // As it was, or so that it can be read, with what matters in sight.
  let known = NaN;
  try { known = Number(sessionStorage.getItem(key)); } catch (nothing) { /* it begins anew */ }
  zoom(known > 0 ? known : Math.max(fitting(), READABLE));
  const matters = canvas.querySelector('.marked') || canvas.querySelector('.s-failed, .s-timed_out') || canvas.querySelector('.s-running');
  if (matters) {
    const box = matters.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
    canvas.scrollTo(canvas.scrollLeft + box.left - frame.left - (frame.width - box.width) / 2,
      canvas.scrollTop + box.top - frame.top - (frame.height - box.height) / 2);
  }
})();
