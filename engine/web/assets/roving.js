// A picture with many links is one stop of the Tab key: within it the arrows go to the link that lies that way.
// Without this script every link is a stop of its own.
'use strict';
(() => {
  const last = new WeakMap();
  const links = (group) => [...group.querySelectorAll('a[href]')];
  // What matters most, by the selectors that the picture names; or else its last link, which is the newest.
  const first = (group) => group.dataset.roving.split(',').map((css) => css && group.querySelector(css)).find(Boolean);
  function settle(group) {
    const all = links(group);
    if (!all.length) return;
    let here = last.get(group);
    if (!all.includes(here)) here = first(group) || all[all.length - 1];
    for (const link of all) link.setAttribute('tabindex', link === here ? '0' : '-1');
    group.setAttribute('aria-description', 'The arrow keys go from one to the next.');
  }
  const all = () => { for (const group of document.querySelectorAll('[data-roving]')) settle(group); };
  const middle = (link) => { const box = link.getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; };
  const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, -1], ArrowDown: [1, 1] };
  // The nearest that way; what lies aside is farther than it is.
  function next(group, from, [axis, sign]) {
    const [at, found] = [middle(from), { far: Infinity, link: null }];
    for (const link of links(group)) {
      const to = middle(link), ahead = (to[axis] - at[axis]) * sign, far = ahead + 3 * Math.abs(to[1 - axis] - at[1 - axis]);
      if (ahead > 1 && far < found.far) Object.assign(found, { far, link });
    }
    return found.link;
  }
  document.addEventListener('keydown', (event) => {
    const link = event.target.closest && event.target.closest('[data-roving] a[href]');
    if (!link || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const group = link.closest('[data-roving]'), ends = { Home: 0, End: -1 }[event.key];
    if (ends === undefined && !WAYS[event.key]) return;
    event.preventDefault();
    const to = ends === undefined ? next(group, link, WAYS[event.key]) : links(group).at(ends);
    if (to) to.focus();
  });
  document.addEventListener('focusin', (event) => {
    const link = event.target.closest && event.target.closest('[data-roving] a[href]');
    if (!link) return;
    last.set(link.closest('[data-roving]'), link);
    settle(link.closest('[data-roving]'));
  });
  all();
  window.noctule.onRefresh(all);
})();
