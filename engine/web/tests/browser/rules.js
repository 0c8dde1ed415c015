// What of a page those would stumble over who do not see it, do not see it well, or have no pointer. Gives one line a fault.
const faults = [];
const told = (node) => node.outerHTML.slice(0, 140);
const seen = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest('[aria-hidden=true]');
const all = (css, within = document) => [...within.querySelectorAll(css)].filter(seen);

// Names are unique, and what can be acted on has one.
const ids = new Set();
for (const node of document.querySelectorAll('[id]')) {
  if (ids.has(node.id)) faults.push('a second element has the id ' + node.id);
  ids.add(node.id);
}
const by = (ids) => (ids || '').split(' ').filter(Boolean).map((id) => document.getElementById(id)?.textContent || '').join(' ');
const name = (node) => [node.getAttribute('aria-label'), by(node.getAttribute('aria-labelledby')), ...[...(node.labels || [])].map((label) => label.textContent),
  node.textContent, node.title, node.querySelector('title')?.textContent].find((text) => text && text.trim());
for (const node of all('a[href], button, input, select, textarea, summary, [tabindex="0"], [role=region], [role=group], meter, progress')) {
  if (!(node.matches('input, textarea, select, meter, progress') ? name({ __proto__: node, textContent: '', getAttribute: (of) => node.getAttribute(of), labels: node.labels, title: node.title, querySelector: () => null }) : name(node))) {
    faults.push('has no name: ' + told(node));
  }
}
for (const node of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
  const wanted = (node.getAttribute('aria-describedby') || '') + ' ' + (node.getAttribute('aria-labelledby') || '');
  for (const id of wanted.split(' ').filter(Boolean)) if (!ids.has(id)) faults.push('names what is not there: ' + told(node));
}

// Tables have heads, headings follow each other, and there is one that names the page.
for (const table of all('table')) {
  if (!table.querySelector('th')) faults.push('a table without heads: ' + told(table));
  for (const head of table.querySelectorAll('th')) {
    if (!head.scope) faults.push('a head of nothing: ' + told(head));
    if (!head.textContent.trim()) faults.push('an empty head: ' + told(head));
  }
}
if (document.querySelectorAll('h1').length !== 1) faults.push('the page has not one h1');
let level = 0;
for (const head of all('h1, h2, h3, h4')) {
  if (Number(head.tagName[1]) > level + 1) faults.push('a level is left out: ' + told(head));
  level = Number(head.tagName[1]);
}

// What is written can be read: 4.5 to 1, and 3 to 1 where it is large.
const parts = (colour) => {
  const numbers = colour.match(/[\d.e-]+/g).map(Number), whole = colour.startsWith('rgb') ? 255 : 1;
  return [...numbers.slice(0, 3).map((part) => part / whole), numbers[3] ?? 1];
};
const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
const light = (colour) => colour.slice(0, 3).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
function ground(node) {
  const box = node.closest('.graph g')?.querySelector('.box');
  if (box) return parts(getComputedStyle(box).fill);
  const layers = [];
  for (let at = node; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  return layers.reverse().reduce((below, top) => over(top, below), [1, 1, 1, 1]);
}
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const bad = new Set();
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !seen(node) || node.closest('title, option, :disabled, .unseen, .skip')) continue;
  const style = getComputedStyle(node), below = ground(node);
  const ink = over(parts(node.closest('svg') ? style.fill : style.color), below);
  const [high, low] = [light(ink), light(below)].sort((a, b) => b - a), contrast = (high + 0.05) / (low + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  if (contrast < (large ? 3 : 4.5)) bad.add(`${contrast.toFixed(2)} to 1: ${node.tagName}.${node.getAttribute('class')} ${texts.currentNode.data.slice(0, 40)}`);
}
faults.push(...bad);

// What scrolls can be scrolled with the keyboard; what is pressed can be hit; nothing is wider than the window.
for (const node of all('body *')) {
  const style = getComputedStyle(node), scrolls = ['auto', 'scroll'];
  const moves = (scrolls.includes(style.overflowX) && node.scrollWidth > node.clientWidth + 1) || (scrolls.includes(style.overflowY) && node.scrollHeight > node.clientHeight + 1);
  if (moves && node.tabIndex < 0 && !node.querySelector('a[href], button, input, [tabindex="0"]')) faults.push('scrolls for a pointer alone: ' + told(node));
}
for (const node of all('button, .button, summary, select, .tabs a, .gantt-name, label input')) {
  const box = (node.closest('label') || node).getBoundingClientRect();
  if (box.height < 21.5 || box.width < 21.5) faults.push(`${box.width.toFixed()} by ${box.height.toFixed()} is hard to hit: ` + told(node));
}
for (const tab of all('.tabs a, .gantt-axis time, .badge')) {
  if (tab.getClientRects().length > 1 || tab.getBoundingClientRect().height > 52) faults.push('a word is broken: ' + tab.textContent);
}
if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth - innerWidth} pixels too wide`);

// A picture with many links is one stop of the Tab key.
for (const group of all('[data-roving]')) {
  const stops = [...group.querySelectorAll('a[href]')].filter((link) => link.tabIndex >= 0).length;
  if (stops > 1) faults.push(`${stops} stops of the Tab key: ` + told(group));
}
return faults;
